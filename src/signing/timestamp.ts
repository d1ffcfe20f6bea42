import { SIGNATURE_SKEW_SECONDS_MAX } from '../limits/s3.ts';

const form = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** Keeps the last answer: requests of a second carry the same time, entries of a listing often do. */
export function rememberLast<Given, Answer>(work: (given: Given) => Answer): (given: Given) => Answer {
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
  return timestampOfSeconds(ms / 1000);
}

/** The inverse: whole seconds since the epoch as `yyyyMMddTHHmmssZ`. */
export const timestampOfSeconds = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** Whether a request signed then is too old or too new to be taken now; both in seconds since the epoch. */
export const isSkewed = (nowSeconds: number, signedSeconds: number): boolean =>
  Math.abs(nowSeconds - signedSeconds) > SIGNATURE_SKEW_SECONDS_MAX;
