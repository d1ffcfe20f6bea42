import type { Clock } from '../../environment.ts';
import type { Bucket, Tag } from '../../namespace/namespace.ts';
import { evaluate, evaluateAll, type Question, type Verdict } from '../../policy/evaluate.ts';
import type { Policy } from '../../policy/policy.ts';
import { bucketGrants, objectVerdict, type AclParts, type AclWish } from './acl-access.ts';
import type { BucketPolicies, StoredPolicy } from './bucket-policy.ts';
import { existingTagPrefix, isOfBody, lookupIn, type Circumstances } from './condition-keys.ts';
import { S3Error } from './errors.ts';
import { keyBytes } from './members.ts';
import type { Action, ConditionValues, Decisions, Principal, Wish } from './operation.ts';
import { isEnforced } from './ownership.ts';
import { publicAccessBlock } from './public-access-block.ts';
import type { S3Request } from './request.ts';
import { requesterOf } from './requester.ts';
import { headerTags } from './tags.ts';
import { versionOf } from './version.ts';

export interface AccessParts extends AclParts {
  readonly clock: Clock;
  readonly policies: BucketPolicies;
}

/** Who sends which request, and what only its body says. */
export interface Asker {
  readonly principal: Principal;
  readonly request: S3Request;
  /** Reads the body, once, when a policy asks for what stands in it. */
  readonly bodyValues: () => Promise<ConditionValues | undefined>;
}

/** What the policies of each kind say. */
interface Verdicts {
  readonly identity: Verdict;
  readonly session: Verdict;
  readonly resource: Verdict;
}

/** Without any policy a principal may do what its account may, and buckets let in nobody else. */
const unrestricted: Verdicts = { identity: 'allow', session: 'allow', resource: 'none' };

/** Actions on a bucket's policy, from which its owner cannot be locked out by accident. */
const policyActions: ReadonlySet<Action> = new Set([
  's3:DeleteBucketPolicy',
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
]);

/** Actions on objects that are not there yet, or not as such: they have no existing tags. */
const withoutObject: ReadonlySet<Action> = new Set([
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
  's3:PutObject',
]);

/**
 * The one place of decision: what may the principal of a request do? Denied unless something allows it, and never allowed
 * where something denies it. IAM User Guide, "Policy evaluation logic"; AWS User Guide, "How Amazon S3 authorizes a
 * request". Every user is an account of its own; without identity policies it is that account's root.
 */
export class Access implements Decisions {
  readonly #parts: AccessParts;
  readonly #asker: Asker;

  constructor(parts: AccessParts, asker: Asker) {
    this.#parts = parts;
    this.#asker = asker;
  }

  isOwn(bucket: Bucket): boolean {
    const { isAnonymous, account } = this.#asker.principal;
    return !isAnonymous && this.#parts.accounts.account(bucket.owner).id === account.id;
  }

  policyOf(bucket: Bucket): Promise<StoredPolicy | undefined> {
    return this.#parts.policies.of(bucket);
  }

  async require(wish: Wish): Promise<void> {
    if (!(await this.may(wish))) throw new S3Error('AccessDenied');
  }

  /** The usual case, known without a look at anything: no policy has a say, and the bucket and all in it is the principal's. */
  isUndisputed(bucket: Bucket | undefined): boolean {
    const { isRoot, policies, sessionPolicies } = this.#asker.principal;
    if (bucket === undefined || policies !== undefined || sessionPolicies !== undefined) return false;
    if (bucket.configurations.includes('policy')) return false;
    return isRoot || (this.isOwn(bucket) && isEnforced(this.#parts, bucket));
  }

  /** The opposite, known as cheaply: the bucket is another account's, and neither its policy nor its ACL says anything. */
  isShutOut(bucket: Bucket | undefined): boolean {
    if (bucket === undefined || this.#asker.principal.isRoot || this.isOwn(bucket)) return false;
    const { configurations } = bucket;
    return (
      !configurations.includes('policy') &&
      (isEnforced(this.#parts, bucket) || !configurations.includes('acl'))
    );
  }

  async may(wish: Wish): Promise<boolean> {
    if (this.isUndisputed(wish.bucket)) return true;
    const { principal } = this.#asker;
    const { policies, sessionPolicies } = principal;
    const stored = wish.bucket && (await this.#parts.policies.of(wish.bucket));
    // A list without policies allows nothing; no list restricts nothing.
    if (stored === undefined && policies === undefined && sessionPolicies === undefined)
      return this.#decide(wish, undefined, unrestricted);
    const all = [stored?.policy, ...(policies ?? []), ...(sessionPolicies ?? [])].filter(
      (policy) => policy !== undefined,
    );
    const question = await this.#question(wish, all);
    return this.#decide(wish, stored, {
      identity: policies === undefined ? 'allow' : evaluateAll(policies, question),
      session: sessionPolicies === undefined ? 'allow' : evaluateAll(sessionPolicies, question),
      resource: stored === undefined ? 'none' : evaluate(stored.policy, question),
    });
  }

  async #decide(
    wish: Wish,
    stored: StoredPolicy | undefined,
    { identity, session, resource }: Verdicts,
  ): Promise<boolean> {
    const { isRoot, isAnonymous } = this.#asker.principal;
    if (identity === 'deny' || session !== 'allow') return false;
    if (resource === 'deny' && !this.#isUnlockable(wish, stored)) return false;
    // Every account lists its own buckets and makes new ones.
    if (wish.bucket === undefined) return identity === 'allow' && !isAnonymous;
    if (isRoot) return true;
    const byObject = await this.#objectVerdict(wish, wish.bucket);
    if (byObject === 'foreign') return false;
    if (this.isOwn(wish.bucket)) return identity === 'allow' || resource === 'allow';
    // Who comes from another account needs both: its own side's word and the bucket's or the object's.
    if (identity !== 'allow') return false;
    return byObject === 'allow' || (await this.#isGranted(wish, wish.bucket, { stored, resource }));
  }

  /** What the ACL of an object says; nothing about the ACL of one that is only being made. */
  async #objectVerdict(wish: Wish, bucket: Bucket): Promise<'allow' | 'foreign' | 'none'> {
    return wish.isOwnersRight === true ? 'none' : objectVerdict(this.#parts, this.#aclWish(wish, bucket));
  }

  #aclWish({ action, key, versionId }: Wish, bucket: Bucket): AclWish {
    const { principal, request } = this.#asker;
    const uploadId = request.query['uploadId'];
    return { action, bucket, key, versionId, uploadId, asker: principal.account.id };
  }

  /** Does the bucket let in somebody who is not of its account? */
  async #isGranted(
    wish: Wish,
    bucket: Bucket,
    { stored, resource }: { readonly stored: StoredPolicy | undefined; readonly resource: Verdict },
  ): Promise<boolean> {
    if (wish.isOwnersRight === true) return true;
    const isAllowed = resource === 'allow' || resource === 'delegate';
    if (isAllowed && !(await this.#isRestricted(bucket, stored))) return true;
    return bucketGrants(this.#parts, this.#aclWish(wish, bucket));
  }

  /** A denial that binds neither root nor, unless it was meant, the account of the bucket. */
  #isUnlockable({ action, bucket }: Wish, stored: StoredPolicy | undefined): boolean {
    if (bucket === undefined || !policyActions.has(action)) return false;
    const { isRoot, policies, sessionPolicies } = this.#asker.principal;
    if (isRoot) return true;
    const isAccount = policies === undefined && sessionPolicies === undefined && this.isOwn(bucket);
    return isAccount && stored?.bindsOwner !== true;
  }

  /** RestrictPublicBuckets: of a public policy nothing holds for others, also not what it gives to named ones. */
  async #isRestricted(bucket: Bucket, stored: StoredPolicy | undefined): Promise<boolean> {
    if (stored?.isPublic !== true) return false;
    return (await publicAccessBlock(this.#parts.objects, bucket)).RestrictPublicBuckets;
  }

  async #question(wish: Wish, policies: readonly Policy[]): Promise<Question> {
    const { principal } = this.#asker;
    const lookup = lookupIn(await this.#circumstances(wish, policies));
    return { action: wish.action, resource: resourceOf(wish), requester: requesterOf(principal), lookup };
  }

  async #circumstances(wish: Wish, policies: readonly Policy[]): Promise<Circumstances> {
    const { request, principal, bodyValues } = this.#asker;
    const mentions = (test: (key: string) => boolean): boolean =>
      policies.some(({ keys }) => keys.size > 0 && [...keys].some(test));
    const { bucket } = wish;
    return {
      request,
      principal,
      now: this.#parts.clock.wall(),
      resourceAccount: bucket && this.#parts.accounts.account(bucket.owner).id,
      prefix: wish.prefix,
      versionId: wish.versionId,
      requestTags: headerTags(request.headers['x-amz-tagging']),
      existingTags: mentions((key) => key.startsWith(existingTagPrefix))
        ? await this.#existingTags(wish)
        : [],
      body: mentions(isOfBody) ? await bodyValues() : undefined,
    };
  }

  async #existingTags({ action, bucket, key, versionId }: Wish): Promise<readonly Tag[]> {
    if (bucket === undefined || key === undefined || withoutObject.has(action)) return [];
    const at = { bucket: bucket.ino, key: keyBytes(key), versionId: versionOf(versionId) };
    const found = await this.#parts.objects.head(at);
    return found?.facet.tags ?? [];
  }
}

/** Service actions have no resource; `*` and `arn:aws:s3:::*` stand for it. */
function resourceOf({ bucket, bucketName = bucket?.name ?? '', key }: Wish): string {
  return key === undefined ? `arn:aws:s3:::${bucketName}` : `arn:aws:s3:::${bucketName}/${key}`;
}
