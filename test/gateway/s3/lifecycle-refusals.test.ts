import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'refusing-bucket';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
});
after(() => door.close());

const putDocument = (inside: string): Promise<RawAnswer> => {
  const body = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</LifecycleConfiguration>`;
  return sendSigned(door.port, {
    method: 'PUT',
    bucket: Bucket,
    query: { lifecycle: '' },
    body,
    headers: { 'content-md5': createHash('md5').update(body).digest('base64') },
  });
};

const messageOf = (answer: RawAnswer): string | undefined =>
  /<Message>(.*?)<\/Message>/.exec(answer.body.toString())?.[1]?.replaceAll('&apos;', "'");

const EXPIRES = '<Expiration><Days>1</Days></Expiration>';
const ruleOf = (inside: string, filter = '<Filter/>'): string =>
  `<Rule>${filter}<Status>Enabled</Status>${inside}</Rule>`;
const moving = (...moves: readonly (readonly [when: string, storageClass: string])[]): string =>
  moves
    .map(([when, name]) => `<Transition>${when}<StorageClass>${name}</StorageClass></Transition>`)
    .join('');
const day = (count: number): string => `<Days>${count}</Days>`;
const date = (text: string): string => `<Date>${text}</Date>`;
const noncurrent = (inside: string): string =>
  `<NoncurrentVersionExpiration>${inside}</NoncurrentVersionExpiration>`;
const noncurrentDays = (count: number): string => `<NoncurrentDays>${count}</NoncurrentDays>`;
const tag = (key: string, value = 'v'): string => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
const above = (bytes: number): string => `<ObjectSizeGreaterThan>${bytes}</ObjectSizeGreaterThan>`;
const below = (bytes: number): string => `<ObjectSizeLessThan>${bytes}</ObjectSizeLessThan>`;
const marker = '<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>';
const abort = (days: number): string =>
  `<AbortIncompleteMultipartUpload><DaysAfterInitiation>${days}</DaysAfterInitiation></AbortIncompleteMultipartUpload>`;

interface Refused {
  readonly name: string;
  readonly document: string;
  readonly code: 'InvalidArgument' | 'InvalidRequest' | 'MalformedXML';
  /** MalformedXML has always the same text. */
  readonly message?: string;
}

/** API_PutBucketLifecycleConfiguration and what the service was seen to answer. */
const refused: readonly Refused[] = [
  {
    name: 'no rule',
    document: '',
    code: 'InvalidRequest',
    message: 'At least one lifecycle rule must be specified.',
  },
  {
    name: 'an id of 256 characters',
    document: ruleOf(`<ID>${'a'.repeat(256)}</ID>${EXPIRES}`),
    code: 'InvalidArgument',
    message: 'ID length should not exceed allowed limit of 255',
  },
  {
    name: 'an id twice',
    document: ruleOf(`<ID>a</ID>${EXPIRES}`) + ruleOf(`<ID>a</ID>${EXPIRES}`),
    code: 'InvalidArgument',
    message: 'Rule ID must be unique. Found same ID for more than one rule',
  },
  {
    name: 'a status in small letters',
    document: `<Rule><Filter/><Status>enabled</Status>${EXPIRES}</Rule>`,
    code: 'MalformedXML',
  },
  { name: 'no status', document: `<Rule><Filter/>${EXPIRES}</Rule>`, code: 'MalformedXML' },
  { name: 'neither filter nor prefix', document: ruleOf(EXPIRES, ''), code: 'MalformedXML' },
  {
    name: 'a prefix beside a filter',
    document: ruleOf(EXPIRES, '<Prefix>a</Prefix><Filter/>'),
    code: 'InvalidRequest',
    message: 'Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.',
  },
  {
    name: 'a filter after a rule with a prefix',
    document: ruleOf(EXPIRES, '<Prefix>a</Prefix>') + ruleOf(EXPIRES),
    code: 'InvalidRequest',
    message: 'Filter element can only be used in Lifecycle V2.',
  },
  {
    name: 'overlapping prefixes of the older shape',
    document: ruleOf(EXPIRES, '<Prefix>a</Prefix>') + ruleOf(EXPIRES, '<Prefix></Prefix>'),
    code: 'InvalidRequest',
    message: "Found overlapping prefixes '' and 'a' for same action type 'Expiration'",
  },
  {
    name: 'versions to keep in the older shape',
    document: ruleOf(
      noncurrent(noncurrentDays(1) + '<NewerNoncurrentVersions>1</NewerNoncurrentVersions>'),
      '<Prefix>a</Prefix>',
    ),
    code: 'InvalidRequest',
    message: 'NewerNoncurrentVersions element can only be used in Lifecycle V2.',
  },
  {
    name: 'a rule that does nothing',
    document: ruleOf(''),
    code: 'InvalidRequest',
    message: 'At least one action needs to be specified in a rule',
  },
  {
    name: 'two predicates without And',
    document: ruleOf(EXPIRES, `<Filter><Prefix>a</Prefix>${tag('k')}</Filter>`),
    code: 'MalformedXML',
  },
  {
    name: 'And of one predicate',
    document: ruleOf(EXPIRES, '<Filter><And><Prefix>a</Prefix></And></Filter>'),
    code: 'MalformedXML',
  },
  {
    name: 'And beside a predicate',
    document: ruleOf(EXPIRES, `<Filter><And>${tag('a')}${tag('b')}</And><Prefix>a</Prefix></Filter>`),
    code: 'MalformedXML',
  },
  {
    name: 'a tag twice',
    document: ruleOf(EXPIRES, `<Filter><And>${tag('a')}${tag('a')}</And></Filter>`),
    code: 'InvalidRequest',
    message: 'Duplicate Tag Keys are not allowed.',
  },
  {
    name: 'a tag without a key',
    document: ruleOf(EXPIRES, `<Filter>${tag('')}</Filter>`),
    code: 'InvalidRequest',
    message: "A Tag's Key must be a length between 1 and 128.",
  },
  {
    name: 'a tag with a long value',
    document: ruleOf(EXPIRES, `<Filter>${tag('k', 'v'.repeat(257))}</Filter>`),
    code: 'InvalidRequest',
    message: "A Tag's Value must be a length between 0 and 256.",
  },
  {
    name: 'a prefix longer than any key',
    document: ruleOf(EXPIRES, `<Filter><Prefix>${'ä'.repeat(513)}</Prefix></Filter>`),
    code: 'InvalidRequest',
    message: 'The maximum size of a prefix is 1024',
  },
  {
    name: 'a negative size',
    document: ruleOf(EXPIRES, `<Filter>${above(-1)}</Filter>`),
    code: 'InvalidRequest',
    message: "'ObjectSizeGreaterThan' should be between 0 and 1099511627776000.",
  },
  {
    name: 'a size below nothing',
    document: ruleOf(EXPIRES, `<Filter>${below(0)}</Filter>`),
    code: 'InvalidRequest',
    message: "'ObjectSizeLessThan' should be between 1 and 1099511627776000.",
  },
  {
    name: 'sizes between which nothing lies',
    document: ruleOf(EXPIRES, `<Filter><And>${above(5)}${below(5)}</And></Filter>`),
    code: 'InvalidRequest',
    message: "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
  },
  {
    name: 'expiration after no days',
    document: ruleOf('<Expiration><Days>0</Days></Expiration>'),
    code: 'InvalidArgument',
    message: "'Days' for Expiration action must be a positive integer",
  },
  { name: 'an expiration that says nothing', document: ruleOf('<Expiration/>'), code: 'MalformedXML' },
  {
    name: 'expiration by days and date',
    document: ruleOf(`<Expiration>${day(1)}${date('2030-01-01T00:00:00Z')}</Expiration>`),
    code: 'MalformedXML',
  },
  {
    name: 'expiration of objects and of markers in one',
    document: ruleOf(
      `<Expiration>${day(1)}<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>`,
    ),
    code: 'MalformedXML',
  },
  {
    name: 'days that are no number',
    document: ruleOf('<Expiration><Days>many</Days></Expiration>'),
    code: 'MalformedXML',
  },
  {
    name: 'a date at noon',
    document: ruleOf(`<Expiration>${date('2030-01-01T12:00:00.000Z')}</Expiration>`),
    code: 'InvalidArgument',
    message: "'Date' must be at midnight GMT",
  },
  {
    name: 'a date that is none',
    document: ruleOf(`<Expiration>${date('Fri, 01 Jan 2016 00:00:00 GMT')}</Expiration>`),
    code: 'MalformedXML',
  },
  {
    name: 'expiration of markers by tags',
    document: ruleOf(marker, `<Filter>${tag('k')}</Filter>`),
    code: 'InvalidRequest',
    message: 'ExpiredObjectDeleteMarker cannot be specified with Tags.',
  },
  {
    name: 'expiration of markers by size',
    document: ruleOf(marker, `<Filter>${above(1)}</Filter>`),
    code: 'InvalidRequest',
    message: 'ExpiredObjectDeleteMarker cannot be specified with Object Size.',
  },
  {
    name: 'abortion of uploads by tags',
    document: ruleOf(abort(1), `<Filter>${tag('k')}</Filter>`),
    code: 'InvalidRequest',
    message: 'AbortIncompleteMultipartUpload cannot be specified with Tags.',
  },
  {
    name: 'abortion of uploads by size',
    document: ruleOf(abort(1), `<Filter>${below(9)}</Filter>`),
    code: 'InvalidRequest',
    message: 'AbortIncompleteMultipartUpload cannot be specified with Object Size.',
  },
  {
    name: 'abortion of uploads after no days',
    document: ruleOf(abort(0)),
    code: 'InvalidArgument',
    message: "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
  },
  {
    name: 'expiration of versions after no days',
    document: ruleOf(noncurrent(noncurrentDays(0))),
    code: 'InvalidArgument',
    message: "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
  },
  {
    name: 'expiration of versions without days',
    document: ruleOf(noncurrent('<NewerNoncurrentVersions>1</NewerNoncurrentVersions>')),
    code: 'MalformedXML',
  },
  {
    name: 'a negative number of versions to keep',
    document: ruleOf(noncurrent(noncurrentDays(1) + '<NewerNoncurrentVersions>-1</NewerNoncurrentVersions>')),
    code: 'InvalidArgument',
    message: "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer",
  },
  {
    name: 'a class that does not exist',
    document: ruleOf(moving([day(30), 'COLDISH'])),
    code: 'MalformedXML',
  },
  {
    name: 'a transition back to the first class',
    document: ruleOf(moving([day(30), 'STANDARD'])),
    code: 'InvalidArgument',
    message: 'Invalid target Storage class for Transition action',
  },
  {
    name: 'a transition at no time',
    document: ruleOf(moving(['', 'GLACIER'])),
    code: 'MalformedXML',
  },
  {
    name: 'a transition before the object was made',
    document: ruleOf(moving([day(-1), 'GLACIER'])),
    code: 'InvalidArgument',
    message: "'Days' in Transition action must be nonnegative",
  },
  {
    name: 'a transition to an infrequent class too early',
    document: ruleOf(moving([day(29), 'ONEZONE_IA'])),
    code: 'InvalidArgument',
    message: "'Days' in Transition action must be greater than or equal to 30 for storageClass 'ONEZONE_IA'",
  },
  {
    name: 'a class twice',
    document: ruleOf(moving([day(30), 'GLACIER'], [day(60), 'GLACIER'])),
    code: 'InvalidRequest',
    message:
      "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=)'",
  },
  {
    name: 'transitions by days and by date',
    document: ruleOf(moving([day(30), 'GLACIER'], [date('2030-01-01T00:00:00Z'), 'DEEP_ARCHIVE'])),
    code: 'InvalidRequest',
    message:
      "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter '(prefix=)'",
  },
  {
    name: 'a transition by days and expiration by date',
    document: ruleOf(
      moving([day(30), 'GLACIER']) + `<Expiration>${date('2030-01-01T00:00:00Z')}</Expiration>`,
      '<Prefix>logs</Prefix>',
    ),
    code: 'InvalidRequest',
    message:
      "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix 'logs'",
  },
  {
    name: 'a warmer class after a colder one',
    document: ruleOf(moving([day(30), 'GLACIER'], [day(300), 'GLACIER_IR'])),
    code: 'InvalidArgument',
    message:
      "'Days' in the 'Transition' action for StorageClass 'GLACIER' for filter '(prefix=)' must be greater than 'Days' in the 'Transition' action for StorageClass 'GLACIER_IR' for filter '(prefix=)'",
  },
  {
    name: 'a class that is left too soon',
    document: ruleOf(
      moving([day(90), 'DEEP_ARCHIVE'], [day(30), 'GLACIER']),
      `<Filter><And><Prefix>a/</Prefix>${below(9)}</And></Filter>`,
    ),
    code: 'InvalidArgument',
    message:
      "'Days' in the 'Transition' action for StorageClass 'DEEP_ARCHIVE' for filter '(prefix=a/ and objectsizelessthan=9)' must be 90 days more than 'filter '(prefix=a/ and objectsizelessthan=9)'' in the 'Transition' action for StorageClass 'GLACIER'",
  },
  {
    name: 'expiration before a transition',
    document: ruleOf(`${moving([day(30), 'GLACIER'])}<Expiration>${day(30)}</Expiration>`),
    code: 'InvalidArgument',
    message:
      "'Days' in the Expiration action for filter '(prefix=)' must be greater than 'Days' in the Transition action",
  },
  {
    name: 'expiration of versions before their transition',
    document: ruleOf(
      `<NoncurrentVersionTransition>${noncurrentDays(30)}<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>` +
        noncurrent(noncurrentDays(30)),
    ),
    code: 'InvalidArgument',
    message:
      "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix=)' must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action",
  },
  {
    name: 'a negative age of a version',
    document: ruleOf(
      `<NoncurrentVersionTransition>${noncurrentDays(-1)}<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>`,
    ),
    code: 'InvalidArgument',
    message: "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative",
  },
];

suite('a lifecycle configuration is refused for', () => {
  for (const { name, document, code, message } of refused)
    test(name, async () => {
      const answer = await putDocument(document);
      assert.equal(answer.status, 400);
      assert.equal(codeOf(answer), code, messageOf(answer));
      if (message !== undefined) assert.equal(messageOf(answer), message);
    });

  test('a missing digest', async () => {
    const answer = await sendSigned(door.port, {
      method: 'PUT',
      bucket: Bucket,
      query: { lifecycle: '' },
      body: `<LifecycleConfiguration>${ruleOf(EXPIRES)}</LifecycleConfiguration>`,
    });
    assert.equal(codeOf(answer), 'InvalidRequest');
  });
});
