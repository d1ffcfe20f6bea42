import { Type, type Static } from '@sinclair/typebox';
import { WEBSITE_BYTES_MAX, WEBSITE_RULES_MAX } from '../../limits/s3.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { xmlHead, xmlNamespace, xmlOptional } from './xml.ts';

const text = Type.Optional(Type.String());

/** AWS API reference, RoutingRule. */
const routingRule = Type.Object({
  Condition: Type.Optional(Type.Object({ HttpErrorCodeReturnedEquals: text, KeyPrefixEquals: text })),
  Redirect: Type.Object({
    HostName: text,
    HttpRedirectCode: text,
    Protocol: text,
    ReplaceKeyPrefixWith: text,
    ReplaceKeyWith: text,
  }),
});

/** AWS API reference, WebsiteConfiguration. */
export const websiteConfiguration = Type.Object({
  RedirectAllRequestsTo: Type.Optional(
    Type.Object({ HostName: Type.String({ minLength: 1 }), Protocol: text }),
  ),
  IndexDocument: Type.Optional(Type.Object({ Suffix: Type.String() })),
  ErrorDocument: Type.Optional(Type.Object({ Key: Type.String() })),
  RoutingRules: Type.Optional(Type.Object({ RoutingRule: Type.Array(routingRule, { minItems: 1 }) })),
});

export type RoutingRule = Static<typeof routingRule>;
export type WebsiteConfiguration = Static<typeof websiteConfiguration>;

const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', { message });

/** What the schema cannot say. AWS API reference, PutBucketWebsite; texts as the service sends them. */
export function checkWebsite(configuration: WebsiteConfiguration): void {
  const { RedirectAllRequestsTo: all, IndexDocument, ErrorDocument, RoutingRules } = configuration;
  if (Buffer.byteLength(JSON.stringify(configuration)) > WEBSITE_BYTES_MAX) throw new S3Error('MalformedXML');
  if (all !== undefined) {
    if (IndexDocument !== undefined || ErrorDocument !== undefined || RoutingRules !== undefined)
      throw invalidArgument(
        'RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.',
        'RedirectAllRequestsTo',
        'not null',
      );
    checkHost(all.HostName);
    checkProtocol(all.Protocol);
    return;
  }
  if (IndexDocument === undefined)
    throw invalidArgument(
      'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty',
      'IndexDocument',
      'null',
    );
  checkDocuments(IndexDocument.Suffix, ErrorDocument?.Key);
  checkRules(RoutingRules?.RoutingRule ?? []);
}

function checkDocuments(suffix: string, errorKey: string | undefined): void {
  if (suffix === '' || suffix.includes('/'))
    throw invalidArgument('The IndexDocument Suffix is not well formed', 'IndexDocument', suffix);
  if (errorKey === '')
    throw invalidArgument('The ErrorDocument Key is not well formed', 'ErrorDocument', errorKey);
}

function checkRules(rules: readonly RoutingRule[]): void {
  if (rules.length > WEBSITE_RULES_MAX)
    throw invalidRequest(
      `${rules.length} routing rules provided, the number of routing rules in a website configuration is limited to ${WEBSITE_RULES_MAX}.`,
    );
  for (const { Condition, Redirect } of rules) {
    if (Condition !== undefined) checkCondition(Condition);
    checkRedirect(Redirect);
  }
}

function checkCondition({
  HttpErrorCodeReturnedEquals: code,
  KeyPrefixEquals: prefix,
}: NonNullable<RoutingRule['Condition']>): void {
  if (code === undefined && prefix === undefined)
    throw invalidRequest(
      "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
    );
  if (code !== undefined && !/^[45]\d\d$/.test(code))
    throw invalidRequest(`The provided HTTP error code (${code}) is not valid. Valid codes are 4XX or 5XX.`);
}

function checkRedirect(redirect: RoutingRule['Redirect']): void {
  const { HostName, HttpRedirectCode: code, Protocol, ReplaceKeyPrefixWith, ReplaceKeyWith } = redirect;
  if (Object.keys(redirect).length === 0) throw new S3Error('MalformedXML');
  if (ReplaceKeyPrefixWith !== undefined && ReplaceKeyWith !== undefined)
    throw invalidRequest('You can only define ReplaceKeyPrefix or ReplaceKey but not both.');
  if (code !== undefined && (!/^3\d\d$/.test(code) || code === '300'))
    throw invalidRequest(
      `The provided HTTP redirect code (${code}) is not valid. Valid codes are 3XX except 300.`,
    );
  if (HostName !== undefined) checkHost(HostName);
  checkProtocol(Protocol);
}

/** It is sent in a header; a port may follow it. */
function checkHost(host: string): void {
  if (!/^[A-Za-z0-9.\-_:[\]/~%]+$/.test(host))
    throw invalidArgument('The HostName is not well formed', 'HostName', host);
}

function checkProtocol(protocol: string | undefined): void {
  if (protocol !== undefined && protocol !== 'http' && protocol !== 'https')
    throw invalidRequest(
      'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
    );
}

/** Answer of GetBucketWebsite. */
export function websiteDocument(configuration: WebsiteConfiguration): string {
  const { RedirectAllRequestsTo: all, IndexDocument, ErrorDocument, RoutingRules } = configuration;
  const rules = RoutingRules?.RoutingRule.map(ruleXml).join('');
  return (
    `${xmlHead}<WebsiteConfiguration${xmlNamespace}>` +
    (all === undefined ? '' : `<RedirectAllRequestsTo>${members(all)}</RedirectAllRequestsTo>`) +
    (IndexDocument === undefined ? '' : `<IndexDocument>${members(IndexDocument)}</IndexDocument>`) +
    (ErrorDocument === undefined ? '' : `<ErrorDocument>${members(ErrorDocument)}</ErrorDocument>`) +
    (rules === undefined ? '' : `<RoutingRules>${rules}</RoutingRules>`) +
    '</WebsiteConfiguration>'
  );
}

const ruleXml = ({ Condition, Redirect }: RoutingRule): string =>
  `<RoutingRule>${Condition === undefined ? '' : `<Condition>${members(Condition)}</Condition>`}` +
  `<Redirect>${members(Redirect)}</Redirect></RoutingRule>`;

const members = (values: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(values)
    .map(([name, value]) => xmlOptional(name, value))
    .join('');
