import { Type, type Static } from '@sinclair/typebox';
import { transitionClasses, type TransitionClass } from './storage-classes.ts';

/*
 * The lifecycle configuration of a bucket in the shape of the AWS API reference, which is also how it is stored: what a
 * client put is what it gets. Member names are element names; repeated elements are lists of the singular name.
 */

const text = Type.Optional(Type.String());
/** 32 bits, as AWS; which of them make sense is said rule by rule. */
const integer = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 });
const size = Type.Optional(Type.Integer());
const tag = Type.Object({ Key: Type.String(), Value: Type.String() });

const filter = Type.Object({
  Prefix: text,
  Tag: Type.Optional(tag),
  ObjectSizeGreaterThan: size,
  ObjectSizeLessThan: size,
  And: Type.Optional(
    Type.Object({
      Prefix: text,
      Tag: Type.Array(tag),
      ObjectSizeGreaterThan: size,
      ObjectSizeLessThan: size,
    }),
  ),
});

/** The classes to which nothing can go are known, so that they can be refused by name. */
const storageClass = Type.Unsafe<TransitionClass | 'STANDARD' | 'REDUCED_REDUNDANCY'>({
  type: 'string',
  enum: [...transitionClasses, 'STANDARD', 'REDUCED_REDUNDANCY'],
});

const rule = Type.Object({
  ID: text,
  Prefix: text,
  Filter: Type.Optional(filter),
  Status: Type.Union([Type.Literal('Enabled'), Type.Literal('Disabled')]),
  Expiration: Type.Optional(
    Type.Object({
      Date: text,
      Days: Type.Optional(integer),
      ExpiredObjectDeleteMarker: Type.Optional(Type.Boolean()),
    }),
  ),
  Transition: Type.Array(
    Type.Object({ Date: text, Days: Type.Optional(integer), StorageClass: storageClass }),
  ),
  NoncurrentVersionExpiration: Type.Optional(
    Type.Object({ NoncurrentDays: integer, NewerNoncurrentVersions: Type.Optional(integer) }),
  ),
  NoncurrentVersionTransition: Type.Array(
    Type.Object({
      NoncurrentDays: integer,
      NewerNoncurrentVersions: Type.Optional(integer),
      StorageClass: storageClass,
    }),
  ),
  AbortIncompleteMultipartUpload: Type.Optional(Type.Object({ DaysAfterInitiation: integer })),
});

/** AWS API reference, BucketLifecycleConfiguration. */
export const lifecycleConfiguration = Type.Object({ Rule: Type.Array(rule) });

export type RuleElement = Static<typeof rule>;
export type FilterElement = Static<typeof filter>;
export type LifecycleConfiguration = Static<typeof lifecycleConfiguration>;

/** AWS API reference, PutBucketLifecycleConfiguration, x-amz-transition-default-minimum-object-size. */
export type TransitionMinimum = 'all_storage_classes_128K' | 'varies_by_storage_class';

/** As it is stored: checked, and every rule has an id. */
export interface LifecycleDocument extends LifecycleConfiguration {
  readonly transitionMinimum: TransitionMinimum;
}
