/** Finds the workerds of this process. Reads /proc. */
import { readFile, readdir } from 'node:fs/promises';

/** @returns process ids; none without /proc */
export async function workerds(): Promise<string[]> {
  const tasks = await readdir('/proc/self/task').catch(() => []);
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/self/task/${task}/children`, 'utf8')));
  const children = lists.join(' ').split(' ').filter(Boolean);
  const names = await Promise.all(children.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  return children.filter((_, i) => names[i]?.startsWith('workerd'));
}
