import { STS_PARAMETERS_MAX } from '../../../limits.ts';
import { queryPairs } from '../../../signing/query.ts';
import { StsError } from './sts-error.ts';

/** Parameters of a call of AWS's Query protocol, by name; the first of equal names wins. */
export type Parameters = ReadonlyMap<string, string>;

/** Of the query and of a form, both as they were sent. Fault('invalid-argument', 'request'). */
export function parseParameters(rawQuery: string, form: string): Parameters {
  const pairs = [...queryPairs(rawQuery), ...queryPairs(form)];
  if (pairs.length > STS_PARAMETERS_MAX)
    throw new StsError('RequestEntityTooLarge', `A call has at most ${STS_PARAMETERS_MAX} parameters.`);
  const parameters = new Map<string, string>();
  for (const [name, value] of pairs) if (!parameters.has(name)) parameters.set(name, value);
  return parameters;
}

/** What a text must be. */
export interface TextRule {
  readonly isRequired: boolean;
  readonly lengthMin: number;
  readonly lengthMax: number;
  /** As the API reference writes it; matched as a whole. */
  readonly pattern: string;
}

/** What a number must be. */
export interface NumberRule {
  readonly min: number;
  readonly max: number;
  readonly otherwise: number;
}

/** Reads parameters and gathers what is wrong with them, so that one answer tells all of it. */
export class ParameterReader {
  readonly #parameters: Parameters;
  readonly #complaints: string[] = [];

  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  text(name: string, rule: TextRule): string | undefined {
    const value = this.#parameters.get(name);
    if (value === undefined) {
      if (rule.isRequired) this.#complain(name, undefined, 'Member must not be null');
      return undefined;
    }
    if (value.length < rule.lengthMin)
      this.#complain(name, value, `Member must have length greater than or equal to ${rule.lengthMin}`);
    if (value.length > rule.lengthMax)
      this.#complain(name, value, `Member must have length less than or equal to ${rule.lengthMax}`);
    if (!new RegExp(`^(?:${rule.pattern})$`).test(value))
      this.#complain(name, value, `Member must satisfy regular expression pattern: ${rule.pattern}`);
    return value;
  }

  number(name: string, { min, max, otherwise }: NumberRule): number {
    const value = this.#parameters.get(name);
    if (value === undefined) return otherwise;
    if (!/^-?\d{1,9}$/.test(value))
      throw new StsError(
        'InvalidParameterValue',
        `Invalid value for parameter ${name}: a whole number is expected.`,
      );
    const number = Number(value);
    if (number < min) this.#complain(name, value, `Member must have value greater than or equal to ${min}`);
    if (number > max) this.#complain(name, value, `Member must have value less than or equal to ${max}`);
    return number;
  }

  /** A parameter that would cut a session down, or change who it is, must not be passed over. */
  refuse(prefixes: readonly string[]): void {
    for (const name of this.#parameters.keys()) {
      if (prefixes.some((prefix) => name === prefix || name.startsWith(`${prefix}.`)))
        throw new StsError('InvalidParameterValue', `The parameter ${name} is not supported.`);
    }
  }

  /** Call it last. */
  finish(): void {
    const count = this.#complaints.length;
    if (count === 0) return;
    const noun = count === 1 ? 'validation error' : 'validation errors';
    throw new StsError('ValidationError', `${count} ${noun} detected: ${this.#complaints.join('; ')}`);
  }

  #complain(name: string, value: string | undefined, constraint: string): void {
    const shown = value === undefined ? 'null' : `'${value}'`;
    const member = name.charAt(0).toLowerCase() + name.slice(1);
    this.#complaints.push(`Value ${shown} at '${member}' failed to satisfy constraint: ${constraint}`);
  }
}
