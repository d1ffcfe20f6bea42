import { Fault } from '../fault.ts';

/** The one failure of parsing: the message is AWS's where it is known. */
export const malformed = (message: string): Fault => new Fault('invalid-argument', 'policy', message);

/** An element that is one text or a list of at least one. */
export function textsOf(element: unknown, message: string): readonly string[] {
  const texts: readonly unknown[] = Array.isArray(element) ? element : [element];
  if (texts.length === 0 || !texts.every((text) => typeof text === 'string')) throw malformed(message);
  return texts;
}
