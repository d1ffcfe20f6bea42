import type { Time } from '../../environment.ts';
import { rememberLast } from '../../signing/timestamp.ts';

const imfFixdate = (seconds: number): string => new Date(seconds * 1000).toUTCString();
const imfOfEntity = rememberLast(imfFixdate);
const imfOfServer = rememberLast(imfFixdate);
const isoOfEntity = rememberLast((seconds: number) => new Date(seconds * 1000).toISOString());

/** RFC 9110 IMF-fixdate of something stored. */
export const httpDate = ({ seconds }: Time): string => imfOfEntity(seconds);
/** The same for the Date header, which changes once a second. */
export const serverDate = ({ seconds }: Time): string => imfOfServer(seconds);
/** With milliseconds, as S3 gives back what a client chose. */
export const isoDate = ({ seconds, nanoseconds }: Time): string =>
  new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000)).toISOString();
/** As S3 writes times in XML: whole seconds with `.000Z`. */
export const xmlDate = ({ seconds }: Pick<Time, 'seconds'>): string => isoOfEntity(seconds);
