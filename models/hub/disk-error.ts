/** Explains why a file could not be written. No I/O. */

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file is too large for this disk',
  EISDIR: 'there is a folder where a file should be',
  ENOTEMPTY: 'there is a folder where a file should be',
  ENOTDIR: 'there is a file where a folder should be',
  EEXIST: 'there is a file where a folder should be',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'permission denied',
};

/**
 * @param path the file that was written, since the error may not name it
 * @returns an error in words, or the error itself if it is of another kind
 */
export function explainDiskError(error: unknown, path?: string): unknown {
  const { code = '', ...failed } = error as NodeJS.ErrnoException & { dest?: string };
  const problem = PROBLEMS[code];
  if (!problem) return error;
  return new Error(`${failed.dest ?? failed.path ?? path} cannot be written: ${problem}`, { cause: error });
}
