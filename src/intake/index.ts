/**
 * How a photo comes in: it is inspected, submitted and waited for here, by the API, the commands and the evaluation
 * alike. Other folders import this file only.
 */

export { Backlog, type BacklogLimits } from './backlog.ts';
export { decodeBase64, mostBase64 } from './base64.ts';
export { fetchPhoto } from './fetch-photo.ts';
export { filesMeant, inOrder, isFileOrLinkToOne, isLitter, isPhotoFile, photosBelow } from './files.ts';
export { type Found, readFound } from './found.ts';
export { inspectPhoto, readPhotoFile } from './inspect.ts';
export { Journal } from './journal.ts';
export { type NewPhoto, type SubmittedPhoto, submitPhoto } from './submit.ts';
export { type EndedEnrolment, endedEnrolments, type PhotoStatus, untilEnded } from './wait.ts';
export { isWholePhoto } from './whole.ts';
