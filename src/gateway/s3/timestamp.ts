import type { Time } from '../../environment.ts';

const form = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** Seconds since the epoch of `yyyyMMddTHHmmssZ`; NaN when it is none. */
export function secondsOfTimestamp(text: string): number {
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

/** Texts of the second that was asked for last: entries of a listing and answers of a busy second share it. */
function rememberLast(format: (seconds: number) => string): (time: Time) => string {
  let last = Number.NaN;
  let text = '';
  return ({ seconds }) => {
    if (seconds !== last) {
      text = format(seconds);
      last = seconds;
    }
    return text;
  };
}

/** RFC 9110 IMF-fixdate. */
export const httpDate = rememberLast((seconds) => new Date(seconds * 1000).toUTCString());
/** As S3 writes times in XML: whole seconds with `.000Z`. */
export const xmlDate = rememberLast((seconds) => new Date(seconds * 1000).toISOString());
