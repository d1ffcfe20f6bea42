import { Type } from '@sinclair/typebox';
import type { Found } from '../../namespace/namespace.ts';
import { checkReadConditions, type ReadConditions } from './conditions.ts';
import { header, objectMembers, partNumber, query, readConditionMembers, text } from './members.ts';
import { objectHeaders, selectRange, type ReadInput, type Selection } from './object-answer.ts';

/** Members of GetObject and HeadObject alike. */
export const readMembers = {
  input: {
    ...objectMembers.input,
    ...readConditionMembers.input,
    versionId: text,
    range: text,
    ifRange: text,
    partNumber: Type.Optional(partNumber),
    checksumMode: text,
    responseContentType: text,
    responseContentLanguage: text,
    responseExpires: text,
    responseCacheControl: text,
    responseContentDisposition: text,
    responseContentEncoding: text,
  },
  bindings: {
    ...objectMembers.bindings,
    ...readConditionMembers.bindings,
    versionId: query('versionId'),
    range: header('range'),
    ifRange: header('if-range'),
    partNumber: query('partNumber'),
    checksumMode: header('x-amz-checksum-mode'),
    responseContentType: query('response-content-type'),
    responseContentLanguage: query('response-content-language'),
    responseExpires: query('response-expires'),
    responseCacheControl: query('response-cache-control'),
    responseContentDisposition: query('response-content-disposition'),
    responseContentEncoding: query('response-content-encoding'),
  },
} as const;

/** What GetObject answers, and HeadObject without the bytes. */
export interface Reading extends Selection {
  readonly headers: string[];
}

/** Throws what a read of the object is refused with: its conditions, its range. */
export function readingOf(found: Found, input: ReadInput & ReadConditions): Reading {
  const headers = objectHeaders(found, input);
  checkReadConditions(input, found, headers.validators);
  const selection = selectRange(found, input);
  return { ...selection, headers: headers.all(selection) };
}
