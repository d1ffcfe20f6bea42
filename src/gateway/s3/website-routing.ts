import { encodePercentPath } from '../../signing/percent.ts';
import type { RoutingRule, WebsiteConfiguration } from './website-configuration.ts';

/** Where a browser is sent. */
export interface Redirection {
  readonly status: number;
  readonly location: string;
}

/** What a browser asked for. */
export interface Visit {
  /** Decoded, without the first '/'. */
  readonly key: string;
  /** As it stood in the Host header, with its port. */
  readonly host: string;
}

/** The object that stands for a place: a directory has its index document. */
export const documentOf = ({ IndexDocument }: WebsiteConfiguration, key: string): string =>
  key === '' || key.endsWith('/') ? `${key}${IndexDocument?.Suffix ?? ''}` : key;

/** The index document of a place named without its '/'; `undefined` when the name ends in one already. */
export const directoryDocument = (
  { IndexDocument }: WebsiteConfiguration,
  key: string,
): string | undefined =>
  key === '' || key.endsWith('/') ? undefined : `${key}/${IndexDocument?.Suffix ?? ''}`;

/** Every request goes to another host. */
export function redirectionOfAll(
  { RedirectAllRequestsTo: all }: WebsiteConfiguration,
  { key }: Visit,
): Redirection | undefined {
  if (all === undefined) return undefined;
  const location = `${all.Protocol ?? 'http'}://${all.HostName}/${encodePercentPath(key)}`;
  return { status: 301, location };
}

/**
 * Where the first matching rule sends the visit: rules about errors count only once there is one, `error` being its
 * status; all others count only before. AWS: "Configuring advanced conditional redirects".
 */
export function redirectionByRule(
  { RoutingRules }: WebsiteConfiguration,
  visit: Visit,
  error: number | undefined,
): Redirection | undefined {
  const rule = RoutingRules?.RoutingRule.find((it) => applies(it, visit, error));
  return rule && redirection(rule, visit);
}

const applies = ({ Condition }: RoutingRule, { key }: Visit, error: number | undefined): boolean =>
  Condition?.HttpErrorCodeReturnedEquals === (error === undefined ? undefined : String(error)) &&
  key.startsWith(Condition?.KeyPrefixEquals ?? '');

function redirection({ Condition, Redirect }: RoutingRule, { key, host }: Visit): Redirection {
  const rest = key.slice((Condition?.KeyPrefixEquals ?? '').length);
  const { ReplaceKeyWith: whole, ReplaceKeyPrefixWith: prefix } = Redirect;
  const target = whole ?? (prefix === undefined ? key : `${prefix}${rest}`);
  return {
    status: Number(Redirect.HttpRedirectCode ?? 301),
    location: `${Redirect.Protocol ?? 'http'}://${Redirect.HostName ?? host}/${encodePercentPath(target)}`,
  };
}
