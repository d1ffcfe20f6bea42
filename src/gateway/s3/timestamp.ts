import type { Time } from '../../environment.ts';
import { rememberLast } from '../../signing/timestamp.ts';

const imfFixdate = (seconds: number): string => new Date(seconds * 1000).toUTCString();
const imfOfEntity = rememberLast(imfFixdate);
const imfOfServer = rememberLast(imfFixdate);
const DAY_SECONDS = 86_400;
const DAY_MS = DAY_SECONDS * 1000;
const MIDNIGHT = '00:00:00.000Z';
const isoDayOf = rememberLast((day: number) =>
  new Date(day * DAY_MS).toISOString().slice(0, -MIDNIGHT.length),
);
const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** What Date makes of it, in a tenth of the time: pages of listings have a thousand times, most of them of one day. */
function isoOfEntity(seconds: number): string {
  const day = Math.floor(seconds / DAY_SECONDS);
  const second = seconds - day * DAY_SECONDS;
  const minute = Math.floor(second / 60);
  const hour = Math.floor(minute / 60);
  return `${isoDayOf(day)}${twoDigits[hour]}:${twoDigits[minute % 60]}:${twoDigits[second % 60]}.000Z`;
}

/** RFC 9110 IMF-fixdate of something stored. */
export const httpDate = ({ seconds }: Time): string => imfOfEntity(seconds);
/** The same for the Date header, which changes once a second. */
export const serverDate = ({ seconds }: Time): string => imfOfServer(seconds);
/** With milliseconds, as S3 gives back what a client chose. */
export const isoDate = ({ seconds, nanoseconds }: Time): string =>
  new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000)).toISOString();
/** As S3 writes times in XML: whole seconds with `.000Z`. */
export const xmlDate = ({ seconds }: Pick<Time, 'seconds'>): string => isoOfEntity(seconds);
