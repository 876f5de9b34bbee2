/** Replaces what is live with copies that have other secrets. Does I/O. */
import { type AccountHost, share, type Trial } from './trial.ts';
import { copyVersion, type SecretChanges, type Share } from './versions.ts';
import type { Target } from './worker.ts';

/**
 * Each version that serves is copied, also the two of a gradual deployment, which keep their shares. Nothing else becomes live: no
 * version that was rolled back, failed its test or waits.
 * @param key that the copies accept, if one is known
 * @returns whether what is live now asks for a key; undefined where nobody can reach it
 */
export async function replaceLive(
  target: Target,
  trial: Trial,
  host: AccountHost,
  { changes, message, key }: { changes: SecretChanges; message: string; key?: string | undefined },
): Promise<boolean | undefined> {
  const serving = trial.live?.versions.filter(({ percentage }) => percentage > 0) ?? [];
  const copies: Share[] = [];
  for (const { version_id: of, percentage } of serving) {
    const copy = { of, secretsFrom: of, changes, message, say: host.say };
    copies.push(share(await copyVersion(target, copy), percentage));
  }
  let isClosed: boolean | undefined;
  if (trial.isReachable) {
    for (const { version_id } of copies) {
      ({ isClosed } = await trial.test(version_id, { key, isClosedEnough: true }));
    }
  }
  host.say('Making it live');
  await trial.serve(copies, message);
  return isClosed;
}
