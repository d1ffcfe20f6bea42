import {
  POLICY_BYTES_MAX,
  POLICY_DOCUMENT_BYTES_MAX,
  POLICY_QUESTION_MARKS_MAX,
  POLICY_STATEMENTS_MAX,
} from '../limits.ts';
import { parseConditions } from './condition.ts';
import { malformed, textsOf } from './malformed.ts';
import { compilePattern } from './pattern.ts';
import type { PatternSet, Policy, Statement } from './policy.ts';
import { parsePrincipals } from './principal.ts';

/**
 * A policy is attached to a resource, and names principals, or to an identity, and names none. One of trust is attached to
 * a role, is about nothing but it, and names who may assume it.
 */
export type PolicyKind = 'resource' | 'identity' | 'trust';

/** `service:Name`, with wildcards, or all there are. */
const actionForm = /^(?:\*+|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/;

type Members = Readonly<Record<string, unknown>>;

/** With variables; the version before it has none. */
const currentVersion = '2012-10-17';
const firstVersion = '2008-10-17';

const documentMembers: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement']);
const statementMembers: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]);

/**
 * Reads a policy document. Fault('invalid-argument', 'policy') with AWS's message, whatever the text is. IAM User Guide,
 * "Grammar of the IAM JSON policy language".
 */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const { Version: version = firstVersion, Id: id = '', ...members } = membersOf(text);
  if (version !== currentVersion && version !== firstVersion)
    throw malformed('The policy must contain a valid version string');
  if (typeof id !== 'string') throw malformed('Invalid policy syntax.');
  requireKnown(members, documentMembers);
  const listed = required(members, 'Statement');
  const list: readonly unknown[] = Array.isArray(listed) ? listed : [listed];
  if (list.length === 0) throw malformed('Could not parse the policy: Statement is empty!');
  if (list.length > POLICY_STATEMENTS_MAX) throw tooLarge();
  const rules = { kind, hasVariables: version === currentVersion };
  const statements = list.map((element) => statementOf(element, rules));
  return { statements, keys: new Set(statements.flatMap(keysOf)) };
}

function membersOf(text: string): Members {
  if (Buffer.byteLength(text) > POLICY_DOCUMENT_BYTES_MAX) throw tooLarge();
  if (!/^\s*\{/.test(text)) throw malformed("Policies must be valid JSON and the first byte must be '{'");
  let members: Members;
  try {
    members = JSON.parse(text) as Members;
  } catch {
    throw malformed('This policy contains invalid Json');
  }
  if (bytesWithoutSpace(text) > POLICY_BYTES_MAX) throw tooLarge();
  if (text.split('?').length - 1 > POLICY_QUESTION_MARKS_MAX)
    throw malformed(`A policy has at most ${POLICY_QUESTION_MARKS_MAX} question marks`);
  return members;
}

const tooLarge = (): Error => malformed('Policy exceeds the maximum allowed document size');

/** AWS counts a document as if it had been written without white space. */
function bytesWithoutSpace(json: string): number {
  let spaces = 0;
  let isInside = false;
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at] as string;
    if (isInside && char === '\\') at += 1;
    else if (char === '"') isInside = !isInside;
    else if (!isInside && /\s/.test(char)) spaces += 1;
  }
  return Buffer.byteLength(json) - spaces;
}

function requireKnown(members: Members, known: ReadonlySet<string>): void {
  for (const name of Object.keys(members)) if (!known.has(name)) throw malformed(`Unknown field ${name}`);
}

function required(members: Members, name: string): unknown {
  if (!Object.hasOwn(members, name)) throw malformed(`Missing required field ${name}`);
  return members[name];
}

interface Rules {
  readonly kind: PolicyKind;
  readonly hasVariables: boolean;
}

function statementOf(element: unknown, { kind, hasVariables }: Rules): Statement {
  if (typeof element !== 'object' || element === null || Array.isArray(element))
    throw malformed('Invalid policy syntax.');
  const members = element as Members;
  requireKnown(members, statementMembers);
  const effect = required(members, 'Effect');
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed(`Invalid effect: ${shown(effect)}`);
  if (typeof (members['Sid'] ?? '') !== 'string') throw malformed('Invalid policy syntax.');
  const principals = principalsOf(members, kind, effect);
  const actions = patternsOf(members, 'Action', (text) => {
    if (!actionForm.test(text)) throw malformed('Policy has invalid action');
    return compilePattern(text.toLowerCase(), { hasWildcards: true, hasVariables: false });
  });
  const rules = { hasWildcards: true, hasVariables };
  const resources =
    kind === 'trust'
      ? itself(members)
      : patternsOf(members, 'Resource', (text) => {
          if (kind === 'identity' && text !== '*' && !text.startsWith('arn:'))
            throw malformed(`Resource ${text.slice(0, 64)} must be in ARN format or "*".`);
          return compilePattern(text, rules);
        });
  const block = members['Condition'];
  const conditions = block === undefined ? [] : parseConditions(block, rules);
  return { effect, principals, actions, resources, conditions };
}

function itself(members: Members): PatternSet {
  for (const name of ['Resource', 'NotResource'])
    if (Object.hasOwn(members, name)) throw malformed(`Has prohibited field ${name}`);
  return { isNegated: true, patterns: [] };
}

const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 64) : typeof value);

function principalsOf(
  members: Members,
  kind: PolicyKind,
  effect: Statement['effect'],
): Statement['principals'] {
  const name = ['Principal', 'NotPrincipal'].filter((it) => Object.hasOwn(members, it));
  if (name.length > 1) throw malformed('Statement contains both Principal and NotPrincipal');
  if (kind === 'identity') {
    if (name.length > 0) throw malformed('Policy document should not specify a principal.');
    return undefined;
  }
  if (name[0] === 'NotPrincipal') {
    if (effect === 'Allow') throw malformed('Allow with NotPrincipal is not allowed');
    return parsePrincipals(members['NotPrincipal'], true);
  }
  return parsePrincipals(required(members, 'Principal'), false);
}

function patternsOf(
  members: Members,
  name: 'Action' | 'Resource',
  compile: (text: string) => PatternSet['patterns'][number],
): PatternSet {
  const negated = `Not${name}`;
  const isNegated = Object.hasOwn(members, negated);
  if (isNegated && Object.hasOwn(members, name))
    throw malformed(`Statement contains both ${name} and ${negated}`);
  const message = name === 'Action' ? 'Policy has invalid action' : 'Policy has invalid resource';
  const texts = textsOf(isNegated ? members[negated] : required(members, name), message);
  return { isNegated, patterns: texts.map(compile) };
}

const keysOf = ({ resources, conditions }: Statement): readonly string[] => [
  ...resources.patterns.flatMap(({ variables }) => variables),
  ...conditions.flatMap(({ key, variables }) => [key, ...variables]),
];
