import { isCoded } from './coded-error.ts';

/** What is wrong with a file or folder that was named, by the code of the system's error. */
const fileProblems: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
  EROFS: 'it is on a disk that can only be read',
  EEXIST: 'there is something of that name already',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'it is a link that leads back to itself',
  ENOTEMPTY: 'the folder is not empty',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open',
  EBUSY: 'it is in use',
};

/** Why a file or folder cannot be used, as the end of a sentence; undefined if the error is not one of the file system. */
export const whyUnusableFile = (error: unknown): string | undefined =>
  isCoded(error) && 'syscall' in error ? fileProblems[error.code] : undefined;
