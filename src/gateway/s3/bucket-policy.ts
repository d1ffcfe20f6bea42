import { POLICIES_CACHED_MAX } from '../../limits.ts';
import type { Bucket, Ino, ObjectStore } from '../../namespace/namespace.ts';
import { parsePolicy } from '../../policy/parse.ts';
import type { Policy } from '../../policy/policy.ts';
import { isPublic } from './public-policy.ts';

/** The policy of a bucket as it is kept. */
export interface PolicyDocument {
  /** Byte for byte what was put: a policy is JSON, so it is UTF-8. */
  readonly text: string;
  /** Its owner asked for it with x-amz-confirm-remove-self-bucket-access: denials hold for the owner, too. */
  readonly bindsOwner: boolean;
}

export interface StoredPolicy extends PolicyDocument {
  readonly policy: Policy;
  readonly isPublic: boolean;
}

/** Policies of buckets, parsed once for as long as their bytes stay the same. A bucket without one costs no read. */
export class BucketPolicies {
  readonly #objects: Pick<ObjectStore, 'bucketConfiguration'>;
  readonly #parsed = new Map<Ino, { readonly bytes: Uint8Array; readonly stored: StoredPolicy }>();

  constructor(objects: Pick<ObjectStore, 'bucketConfiguration'>) {
    this.#objects = objects;
  }

  async of({
    ino,
    configurations,
  }: Pick<Bucket, 'ino' | 'configurations'>): Promise<StoredPolicy | undefined> {
    if (!configurations.includes('policy')) return undefined;
    const bytes = await this.#objects.bucketConfiguration(ino, 'policy');
    if (bytes === undefined) return undefined;
    const known = this.#parsed.get(ino);
    if (known !== undefined && (known.bytes === bytes || Buffer.compare(known.bytes, bytes) === 0))
      return known.stored;
    const stored = storedPolicy(JSON.parse(Buffer.from(bytes).toString('utf8')) as PolicyDocument);
    const [oldest] = this.#parsed.keys();
    if (oldest !== undefined && this.#parsed.size >= POLICIES_CACHED_MAX) this.#parsed.delete(oldest);
    this.#parsed.set(ino, { bytes, stored });
    return stored;
  }
}

function storedPolicy(document: PolicyDocument): StoredPolicy {
  const policy = parsePolicy(document.text, 'resource');
  return { ...document, policy, isPublic: isPublic(policy) };
}
