import type { Time } from '../../environment.ts';

const form = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** Keeps the last answer: requests of a second carry the same time, entries of a listing often do. */
function rememberLast<Given, Answer>(work: (given: Given) => Answer): (given: Given) => Answer {
  let last: { readonly given: Given; readonly answer: Answer } | undefined;
  return (given) => {
    if (last?.given !== given) last = { given, answer: work(given) };
    return last.answer;
  };
}

/** Seconds since the epoch of `yyyyMMddTHHmmssZ`; NaN when it is none. */
export const secondsOfTimestamp = rememberLast(parseTimestamp);

function parseTimestamp(text: string): number {
  const found = form.exec(text);
  if (found === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(ms);
  const isSame = back.getUTCMonth() === month - 1 && back.getUTCDate() === day && back.getUTCHours() === hour;
  return isSame ? ms / 1000 : Number.NaN;
}

/** `yyyyMMddTHHmmssZ` of an HTTP date; `undefined` when it is none. */
export function timestampOfHttpDate(text: string): string | undefined {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

const imfFixdate = (seconds: number): string => new Date(seconds * 1000).toUTCString();
const imfOfEntity = rememberLast(imfFixdate);
const imfOfServer = rememberLast(imfFixdate);
const isoOfEntity = rememberLast((seconds: number) => new Date(seconds * 1000).toISOString());

/** RFC 9110 IMF-fixdate of something stored. */
export const httpDate = ({ seconds }: Time): string => imfOfEntity(seconds);
/** The same for the Date header, which changes once a second. */
export const serverDate = ({ seconds }: Time): string => imfOfServer(seconds);
/** As S3 writes times in XML: whole seconds with `.000Z`. */
export const xmlDate = ({ seconds }: Time): string => isoOfEntity(seconds);
