import { SIGNATURE_SKEW_SECONDS_MAX } from '../../limits/s3.ts';
import { S3Error } from './errors.ts';

/** Texts and members of the errors about the time of a signature, whichever version made it. Seconds since the epoch. */

export const isoSeconds = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** `given` is the time as the request carried it. */
export const timeTooSkewed = (given: string, now: number): S3Error =>
  new S3Error('RequestTimeTooSkewed', {
    members: {
      RequestTime: given,
      ServerTime: isoSeconds(now),
      MaxAllowedSkewMilliseconds: SIGNATURE_SKEW_SECONDS_MAX * 1000,
    },
  });

export const noValidDate = (): S3Error =>
  new S3Error('AccessDenied', {
    message: 'AWS authentication requires a valid Date or x-amz-date header',
  });
