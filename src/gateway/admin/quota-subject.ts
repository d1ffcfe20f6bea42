import type { Accounts, Holder } from '../../accounts/accounts.ts';
import { Fault } from '../../fault.ts';
import type { ObjectStore } from '../../namespace/namespace.ts';
import type { QuotaBucket, QuotaSubject } from '../../namespace/quota/quota.ts';

export interface SubjectSources {
  readonly accounts: Pick<Accounts, 'accountNamed' | 'holder' | 'list'>;
  readonly objects: Pick<ObjectStore, 'bucket'>;
}

const ID = /^\d{1,10}$/;
const ID_MAX = 4_294_967_295;

const forms =
  'bucket/NAME, user/UID-OR-NAME, group/GID, bucket/NAME/user/UID-OR-NAME or bucket/NAME/group/GID';

/** What a text like `bucket/photos/user/1001` names. Fault('invalid-argument') or Fault('not-found') with a sentence. */
export async function subjectNamed(sources: SubjectSources, text: string): Promise<QuotaSubject> {
  const words = text.split('/');
  if (words.length === 4 && words[0] === 'bucket') {
    const bucket = await bucketNamed(sources, words[1] ?? '');
    return ownerNamed(sources, words.slice(2), bucket) ?? misnamed(text);
  }
  if (words.length !== 2) return misnamed(text);
  if (words[0] === 'bucket') return { kind: 'bucket', bucket: await bucketNamed(sources, words[1] ?? '') };
  return ownerNamed(sources, words, undefined) ?? misnamed(text);
}

/**
 * The same subject as policies name it: owners by their ids, ids without leading zeros. What names nothing stays as it is.
 * Access is decided by this text, so that no other way to write a subject gets around a policy.
 */
export function canonicalSubject(accounts: SubjectSources['accounts'], text: string): string {
  const words = text.split('/');
  const [kind, name = ''] = words.slice(-2);
  const isOfOwner = words.length === 2 || (words.length === 4 && words[0] === 'bucket');
  if (!isOfOwner || (kind !== 'user' && kind !== 'group')) return text;
  const id = idOf(name) ?? (kind === 'user' ? holderNamed(accounts, name)?.uid : undefined);
  return id === undefined ? text : [...words.slice(0, -1), id].join('/');
}

function holderNamed(accounts: SubjectSources['accounts'], name: string): Holder | undefined {
  const account = accounts.accountNamed(name);
  return account && accounts.holder(account.id);
}

async function bucketNamed({ objects }: SubjectSources, name: string): Promise<QuotaBucket> {
  const bucket = await objects.bucket(name);
  if (bucket === undefined) throw new Fault('not-found', 'bucket', `There is no bucket ${name}.`);
  return { ino: bucket.ino, name };
}

function ownerNamed(
  sources: SubjectSources,
  [kind, name = '']: readonly string[],
  bucket: QuotaBucket | undefined,
): QuotaSubject | undefined {
  if (kind === 'group') {
    const id = idOf(name);
    return id === undefined ? undefined : { kind, id, bucket };
  }
  return kind === 'user' ? { kind, id: idOf(name) ?? uidOf(sources, name), bucket } : undefined;
}

const idOf = (text: string): number | undefined =>
  ID.test(text) && Number(text) <= ID_MAX ? Number(text) : undefined;

/** A quota is about an id: of users who share theirs, one alone cannot be meant. */
function uidOf({ accounts }: SubjectSources, name: string): number {
  const holder = holderNamed(accounts, name);
  if (holder === undefined) throw new Fault('not-found', 'user', `There is no user ${name}.`);
  const root = accounts.accountNamed('root');
  const everybody = [...accounts.list(), root === undefined ? undefined : accounts.holder(root.id)];
  const sharing = everybody.filter((other) => other?.uid === holder.uid);
  if (sharing.length <= 1) return holder.uid;
  const advice = `write user/${holder.uid} to limit all of them together`;
  throw new Fault('conflict', 'user', `The user ${name} shares its user id with others: ${advice}.`);
}

function misnamed(text: string): never {
  throw new Fault('invalid-argument', 'request', `"${text}" names nothing that has a quota: write ${forms}.`);
}
