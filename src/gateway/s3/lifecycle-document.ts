import type { Random } from '../../environment.ts';
import type {
  FilterElement,
  LifecycleConfiguration,
  LifecycleDocument,
  RuleElement,
} from '../../lifecycle/document.ts';
import type { Bucket, ObjectStore } from '../../namespace/namespace.ts';
import { bucketDocument } from './bucket-document.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from './xml.ts';

const UUID_BYTES = 16;

/** Every rule gets an id: S3 makes one up where none was given. */
export const withIds = (configuration: LifecycleConfiguration, random: Random): LifecycleConfiguration => ({
  Rule: configuration.Rule.map((rule) => ({ ...rule, ID: rule.ID || madeId(random) })),
});

/** As the service makes them: a random UUID (RFC 9562, version 4) as text, in base64. */
function madeId(random: Random): string {
  const bytes = Buffer.from(random.bytes(UUID_BYTES));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const uuid = bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return Buffer.from(uuid).toString('base64');
}

/** The bucket's configuration as it was put; `undefined` when it has none. */
export const storedLifecycle = async (
  objects: ObjectStore,
  bucket: Bucket,
): Promise<LifecycleDocument | undefined> =>
  (await bucketDocument(objects, bucket, 'lifecycle')) as LifecycleDocument | undefined;

/** Answer of GetBucketLifecycleConfiguration. */
export const lifecycleXml = ({ Rule: rules }: LifecycleConfiguration): string =>
  `${xmlHead}<LifecycleConfiguration${xmlNamespace}>${rules.map(ruleXml).join('')}</LifecycleConfiguration>`;

/** An element without content where a value has no members; nothing where there is no value. */
const group = (name: string, inside: string | undefined): string => {
  if (inside === undefined) return '';
  return inside === '' ? `<${name}/>` : `<${name}>${inside}</${name}>`;
};

function ruleXml(rule: RuleElement): string {
  const { Expiration: expiration, NoncurrentVersionExpiration: noncurrent } = rule;
  const abort = rule.AbortIncompleteMultipartUpload;
  let xml = xmlOptional('ID', rule.ID) + xmlOptional('Prefix', rule.Prefix);
  xml += group('Filter', rule.Filter && filterXml(rule.Filter)) + xmlElement('Status', rule.Status);
  xml += group('Expiration', expiration && expirationXml(expiration));
  for (const { StorageClass, ...when } of rule.Transition)
    xml += group('Transition', whenXml(when) + xmlElement('StorageClass', StorageClass));
  xml += group('NoncurrentVersionExpiration', noncurrent && noncurrentXml(noncurrent));
  for (const { StorageClass, ...when } of rule.NoncurrentVersionTransition)
    xml += group(
      'NoncurrentVersionTransition',
      noncurrentXml(when) + xmlElement('StorageClass', StorageClass),
    );
  xml += group(
    'AbortIncompleteMultipartUpload',
    abort && xmlElement('DaysAfterInitiation', abort.DaysAfterInitiation),
  );
  return `<Rule>${xml}</Rule>`;
}

function filterXml(filter: FilterElement): string {
  const { And: and, Tag: tag } = filter;
  return (
    group('And', and && predicatesXml(and) + and.Tag.map(tagXml).join('')) +
    predicatesXml(filter) +
    (tag === undefined ? '' : tagXml(tag))
  );
}

const predicatesXml = (
  it: Pick<FilterElement, 'Prefix' | 'ObjectSizeGreaterThan' | 'ObjectSizeLessThan'>,
): string =>
  xmlOptional('ObjectSizeGreaterThan', it.ObjectSizeGreaterThan) +
  xmlOptional('ObjectSizeLessThan', it.ObjectSizeLessThan) +
  xmlOptional('Prefix', it.Prefix);

const tagXml = ({ Key, Value }: NonNullable<FilterElement['Tag']>): string =>
  `<Tag>${xmlElement('Key', Key)}${xmlElement('Value', Value)}</Tag>`;

const whenXml = ({ Date: date, Days }: { Date?: string; Days?: number }): string =>
  xmlOptional('Date', date === undefined ? undefined : new Date(date).toISOString()) +
  xmlOptional('Days', Days);

function expirationXml(expiration: NonNullable<RuleElement['Expiration']>): string {
  const { ExpiredObjectDeleteMarker: marker } = expiration;
  return whenXml(expiration) + (marker === undefined ? '' : xmlElement('ExpiredObjectDeleteMarker', marker));
}

const noncurrentXml = (it: NonNullable<RuleElement['NoncurrentVersionExpiration']>): string =>
  xmlOptional('NewerNoncurrentVersions', it.NewerNoncurrentVersions) +
  xmlElement('NoncurrentDays', it.NoncurrentDays);
