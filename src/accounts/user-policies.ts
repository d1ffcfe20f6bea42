import { Fault } from '../fault.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';

/** An inline policy of a user. */
export interface UserPolicy {
  readonly name: string;
  /** Document, JSON. */
  readonly text: string;
  /** It stands in the config and goes only with it. */
  readonly isDeclared: boolean;
}

/** Policies of the config have no names: they are counted. */
export const declaredPolicies = (texts: readonly string[]): readonly UserPolicy[] =>
  texts.map((text, index) => ({ name: `config-${index + 1}`, text, isDeclared: true }));

/**
 * Ready to be asked; `undefined` without any: the user may do whatever its account may. Fault('invalid-argument',
 * 'policy') names the policy that is none.
 */
export function activePolicies(
  user: string,
  policies: readonly Pick<UserPolicy, 'name' | 'text'>[],
): readonly Policy[] | undefined {
  return policies.length === 0 ? undefined : policies.map((policy) => activePolicy(user, policy));
}

function activePolicy(user: string, { name, text }: Pick<UserPolicy, 'name' | 'text'>): Policy {
  try {
    return parsePolicy(text, 'identity');
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const detail = `The policy ${name} of the user ${user} is refused: ${cause.detail}`;
    throw new Fault(cause.code, cause.subject, detail, { cause });
  }
}
