import type { Static, TObject } from '@sinclair/typebox';
import type { Account, Accounts } from '../../accounts/accounts.ts';
import type { Session } from '../../accounts/sessions.ts';
import type { Environment } from '../../environment.ts';
import type { BucketEncryption } from '../../keyring/bucket-encryption.ts';
import type { ContentKeys } from '../../keyring/keyring.ts';
import type { RuleBook } from '../../lifecycle/rule-book.ts';
import type { ObjectOwnership } from '../../namespace/access-control.ts';
import type { Bucket, Caller, Ino, ObjectStore } from '../../namespace/namespace.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Compute } from '../../workers/compute.ts';
import type { StoredPolicy } from './bucket-policy.ts';
import type { S3ErrorCode } from './error-codes.ts';
import type { AnswerStream } from './http.ts';

export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
export type Level = 'service' | 'bucket' | 'object';

/** Where an input member travels; the AWS API reference calls this the HTTP binding. */
export type Binding =
  | { readonly in: 'path'; readonly name: 'bucket' | 'key' }
  | { readonly in: 'query' | 'header'; readonly name: string }
  /** All headers that start with the prefix, as a record without it. */
  | { readonly in: 'headers'; readonly prefix: string }
  /**
   * The whole body, converted by the member's schema. Read and verified before the handler runs. Integrity 'none': checksum
   * headers speak of an object and not of this body.
   */
  | {
      readonly in: 'xml';
      readonly root: string;
      readonly integrity: 'required' | 'optional' | 'none';
      /** What a document that does not fit is answered with, when it is not MalformedXML. */
      readonly malformed?: S3ErrorCode;
    }
  /** The body as a Payload that the handler reads. */
  | { readonly in: 'stream' };

/** What tells an operation from the others of its method and level. */
export interface Route {
  readonly method: Method;
  readonly level: Level;
  /** Parameters that must be there, with this value when one is given. */
  readonly query?: Readonly<Record<string, string | true>>;
  /** A header that must be there. */
  readonly header?: string;
}

/** An action as policies name it. */
export type Action = `s3:${string}`;

/** Values of condition keys, which are in lower case. */
export type ConditionValues = ReadonlyMap<string, readonly string[]>;

/** Who sends a request: who signed it, or anyone. */
export interface Principal {
  readonly account: Account;
  /** It may do everything; only the denials of a bucket's policy hold for it as well. */
  readonly isRoot: boolean;
  /** The request has no signature. */
  readonly isAnonymous: boolean;
  /** Empty for anonymous callers. */
  readonly accessKey: string;
  /** Its identity policies; `undefined`: it may do whatever its account may. */
  readonly policies: readonly Policy[] | undefined;
  /** What a session is cut down to, besides; `undefined`: to nothing. */
  readonly sessionPolicies: readonly Policy[] | undefined;
  /** What its temporary keys stand for; `undefined`: its keys are permanent. */
  readonly session: Session | undefined;
  /** How the tree sees what this principal makes. */
  readonly caller: Caller;
}

/** One thing that a principal wants to do. */
export interface Wish {
  readonly action: Action;
  /** `undefined` for a list of one's buckets and for a bucket that is being made. */
  readonly bucket: Bucket | undefined;
  /** Of a bucket that is being made. */
  readonly bucketName?: string | undefined;
  /** Of the object; absent: the bucket itself. */
  readonly key?: string | undefined;
  /** What `s3:prefix` is, when it is not the request's parameter. */
  readonly prefix?: string | undefined;
  /** Of the version that is named, as the client wrote it; absent: the latest one is meant. */
  readonly versionId?: string | undefined;
  /** See NeededAction. */
  readonly isOwnersRight?: boolean;
}

/** What the principal of a request may do (access.ts). */
export interface Decisions {
  /** Whether the bucket belongs to the principal's account. */
  isOwn(bucket: Bucket): boolean;
  policyOf(bucket: Bucket): Promise<StoredPolicy | undefined>;
  may(wish: Wish): Promise<boolean>;
  /** S3Error AccessDenied when it may not. */
  require(wish: Wish): Promise<void>;
}

/** What the door and the job that carries out lifecycle rules have in common. */
export interface LifecycleHook {
  readonly rules: Pick<RuleBook, 'calendar' | 'terms'>;
  /** The rules of some bucket are others now. */
  readonly changed: () => void;
}

/** Content that must be brought back before it can be read, and is for some days. Outcomes and bounds are those of its maker. */
export interface RestoreHook {
  /** `until`, in seconds since 1970, when it is back; `undefined`: nobody asked for it, or its time is over. */
  readonly statusOf: (ino: Ino) => Promise<{ readonly until: number | undefined } | undefined>;
  readonly request: (
    ino: Ino,
    wish: { readonly days: number; readonly speed: 'Expedited' | 'Standard' | 'Bulk' },
  ) => Promise<'needless' | 'begun' | 'under-way' | 'renewed'>;
}

/** What every handler may use. */
export interface S3Parts {
  readonly objects: ObjectStore;
  readonly compute: Compute;
  readonly environment: Environment;
  readonly region: string;
  readonly accounts: Pick<Accounts, 'account' | 'accountOfCanonicalId'>;
  readonly keyring: ContentKeys;
  readonly encryption: {
    /** Of buckets that say nothing themselves; `undefined`: content stays plain. */
    readonly default: BucketEncryption | undefined;
    /** SSE-C, whose keys travel in headers. */
    readonly takesCustomerKeys: boolean;
  };
  /** Of new buckets, and of those that never set any. */
  readonly objectOwnership: ObjectOwnership;
  /** Whether new buckets begin with a public access block. */
  readonly publicAccessBlock: boolean;
  readonly lifecycle: LifecycleHook;
  readonly restores: RestoreHook;
}

export interface S3Context {
  readonly parts: S3Parts;
  readonly principal: Principal;
  /** Asked about what the door could not know: keys that stand in a body, and sources of copies. */
  readonly access: Decisions;
  readonly requestId: string;
  /** Address of the other end of the connection. */
  readonly peer: string;
  /** The bucket named by the request; `undefined` for service operations and while it is being created. */
  readonly bucket: Bucket | undefined;
}

export interface S3Answer {
  /** When it differs from the row's. */
  readonly status?: number;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  /** A whole document, or content that is streamed (its length is in the headers). */
  readonly body?: string | Uint8Array | AnswerStream;
}

export interface Operation<Input extends TObject = TObject> {
  /** AWS API reference name, verbatim: it is the metric label, the log field and the test title. */
  readonly name: string;
  readonly route: Route;
  readonly action: Action;
  readonly input: Input;
  readonly bindings: { readonly [Member in keyof Static<Input>]-?: Binding };
  readonly success: 200 | 204;
  /** Of operations whose body holds values of condition keys. */
  conditionValues?(input: Static<Input>): ConditionValues;
  handle(context: S3Context, input: Static<Input>): Promise<S3Answer>;
}

/** Identity at run time; at compile time it ties bindings and handler to the schema. */
export const operation = <Input extends TObject>(spec: Operation<Input>): Operation<Input> => spec;
