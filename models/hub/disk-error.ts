/** What a person can do about a disk that does not take a file. No I/O. */

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'no file may be that large here',
  EISDIR: 'there is a folder where a file should be',
  ENOTEMPTY: 'there is a folder where a file should be',
  ENOTDIR: 'there is a file where a folder should be',
  EEXIST: 'there is a file where a folder should be',
  EACCES: 'that is not allowed',
  EPERM: 'that is not allowed',
  EROFS: 'that is not allowed',
};

/**
 * @param path what was written: a failed write does not say it
 * @returns an error in words; one of another kind as it is
 */
export function explainDiskError(error: unknown, path?: string): unknown {
  const { code = '', ...failed } = error as NodeJS.ErrnoException & { dest?: string };
  const problem = PROBLEMS[code];
  if (!problem) return error;
  return new Error(`${failed.dest ?? failed.path ?? path} cannot be written: ${problem}`, { cause: error });
}
