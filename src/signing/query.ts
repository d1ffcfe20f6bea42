import { decodePercent } from './percent.ts';

/** Decoded pairs in the order sent; '+' is a space, a name alone has an empty value. */
export function queryPairs(rawQuery: string): (readonly [name: string, value: string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const piece of rawQuery.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    const value = equals < 0 ? '' : piece.slice(equals + 1);
    pairs.push([decodeParameter(name), decodeParameter(value)]);
  }
  return pairs;
}

const decodeParameter = (text: string): string =>
  decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text);
