import { readFile } from 'node:fs/promises';
import { UsageError } from '../config/usage-error.ts';

/** A policy document from a file, or the JSON itself in the place of the file's name. */
export async function policyDocumentOf(given: string): Promise<object> {
  const isItself = given.trimStart().startsWith('{');
  const text = isItself ? given : await textOf(given);
  const parsed = jsonOf(text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new UsageError(`${isItself ? 'What is given' : given} is no JSON object: write a policy document`);
}

const textOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: Error) => {
    throw new UsageError(`The file ${file} cannot be read: ${cause.message}`, { cause });
  });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller says so.
  }
}
