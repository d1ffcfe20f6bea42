import { ACCOUNT_ID_DIGITS } from '../limits.ts';
import { malformed, textsOf } from './malformed.ts';

/** Principal or NotPrincipal of a statement. */
export interface PrincipalSet {
  readonly isNegated: boolean;
  /** `*`: anyone, also who does not say who it is. */
  readonly isEveryone: boolean;
  /** As `principalName` writes them. */
  readonly names: ReadonlySet<string>;
}

/** Who asks, by the names that a policy may have for it; anonymous callers have none. */
export interface Requester {
  /** Names of nobody else. */
  readonly names: readonly string[];
  /** Names of the account it belongs to. */
  readonly accountNames: readonly string[];
}

/** How far a statement speaks of a requester: of itself, or of its account, which has to pass the right on. */
export type Named = 'itself' | 'account' | undefined;

const accountForm = new RegExp(`^\\d{${ACCOUNT_ID_DIGITS}}$`);
/** The account is twelve digits; other implementations name it with a word, which nobody here is called. */
const arnForm = /^arn:aws[a-z-]*:(?:iam|sts)::(?:\d{12}|[A-Za-z][\w-]*):(?:root|[a-z-]+\/[^*?]+)$/;
const canonicalForm = /^[0-9a-f]{64}$/;
const serviceForm = /^[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?$/;

export const accountArn = (accountId: string): string => `arn:aws:iam::${accountId}:root`;
export const userArn = (accountId: string, name: string): string => `arn:aws:iam::${accountId}:user/${name}`;
export const canonicalName = (canonicalId: string): string => `CanonicalUser:${canonicalId}`;

/** Kinds of principals, each with the name that its text stands for; `undefined`: it is none. */
const kinds: Readonly<Record<string, (text: string) => string | undefined>> = {
  AWS: (text) =>
    accountForm.test(text) ? accountArn(text) : text === '*' || arnForm.test(text) ? text : undefined,
  CanonicalUser: (text) => (canonicalForm.test(text) ? canonicalName(text) : undefined),
  Federated: (text) => (text === '' || text === '*' ? undefined : `Federated:${text}`),
  Service: (text) => (serviceForm.test(text) ? `Service:${text}` : undefined),
};

const invalidPrincipal = 'Invalid principal in policy';

export function parsePrincipals(element: unknown, isNegated: boolean): PrincipalSet {
  if (element === '*') return { isNegated, isEveryone: true, names: new Set() };
  if (typeof element !== 'object' || element === null || Array.isArray(element))
    throw malformed(invalidPrincipal);
  const names = new Set<string>();
  for (const [kind, texts] of Object.entries(element)) {
    const nameOf = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    for (const text of textsOf(texts, invalidPrincipal)) {
      const name = nameOf?.(text);
      if (name === undefined) throw malformed(invalidPrincipal);
      names.add(name);
    }
  }
  if (names.size === 0) throw malformed(invalidPrincipal);
  return { isNegated, isEveryone: names.delete('*'), names };
}

export function namedBy(set: PrincipalSet, { names, accountNames }: Requester): Named {
  const isItself = set.isEveryone || names.some((name) => set.names.has(name));
  const isAccount = accountNames.some((name) => set.names.has(name));
  if (set.isNegated) return isItself || isAccount ? undefined : 'itself';
  if (isItself) return 'itself';
  return isAccount ? 'account' : undefined;
}
