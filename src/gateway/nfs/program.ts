import type { Fattr3 } from 'nfs-server-ts/attributes';
import type { BackendProcedureName, Nfs3Program, Reply } from 'nfs-server-ts/nfs3';
import type { CallContext } from 'nfs-server-ts/rpc';
import { Fault } from '../../fault.ts';
import { NFS_CALLS_MAX } from '../../limits.ts';
import { contentRows } from './content-rows.ts';
import { directoryRows } from './directory-rows.ts';
import { Door, type DoorParts, type Rows } from './door.ts';
import { Refused, statusFor } from './errors.ts';
import { argumentsHere } from './id-map.ts';
import { Gate } from './gate.ts';
import { inodeRows } from './inode-rows.ts';
import { makingRows, nameRows } from './name-rows.ts';

const rows: Rows<BackendProcedureName> = {
  ...inodeRows,
  ...contentRows,
  ...makingRows,
  ...nameRows,
  ...directoryRows,
};

/** A row whose name is not known to the compiler. */
interface AnyRow {
  subject(args: unknown): Uint8Array;
  fail(after: Fattr3 | undefined): unknown;
  run(door: Door, call: CallContext, args: unknown): Promise<unknown>;
}

/** The tree as NFSv3 sees it: translation only. Permissions, order and durability are the tree's. */
export function nfsProgram(parts: DoorParts): Nfs3Program {
  const door = new Door(parts);
  const gate = new Gate(NFS_CALLS_MAX);
  const names = Object.keys(rows) as BackendProcedureName[];
  const functions = names.map((name) => {
    const row = rows[name] as unknown as AnyRow;
    const answerOne = (call: CallContext, args: unknown): Promise<Reply<unknown, unknown>> =>
      gate.pass(() => answer(door, { name, row }, { call, args }), call.client);
    return [name, answerOne] as const;
  });
  // Every name has its own row's function, which the compiler cannot see through the list.
  return Object.fromEntries(functions) as unknown as Nfs3Program;
}

async function answer(
  door: Door,
  { name, row }: { name: BackendProcedureName; row: AnyRow },
  { call, args }: { call: CallContext; args: unknown },
): Promise<Reply<unknown, unknown>> {
  const view = door.mapsIds ? await door.seenBy(call, row.subject(args)) : door;
  try {
    const { ids } = view;
    const argsHere = ids === undefined ? args : argumentsHere(name, args, ids);
    return { status: 'NFS3_OK', ok: await row.run(view, call, argsHere) };
  } catch (failure) {
    if (!(failure instanceof Fault) && !(failure instanceof Refused)) throw failure;
    const after = await attributesIfEntered(view, call, row.subject(args));
    return { status: statusFor(name, failure), fail: row.fail(after) };
  }
}

/** RFC 1813 §2.6: attributes help a client keep its cache right also when a call failed; the absence of them is no failure. */
async function attributesIfEntered(
  door: Door,
  call: CallContext,
  handle: Uint8Array,
): Promise<Fattr3 | undefined> {
  try {
    const { ino } = await door.enter(call, handle);
    return door.fattr3(await door.files.attributes(ino));
  } catch (failure) {
    if (failure instanceof Fault || failure instanceof Refused) return undefined;
    throw failure;
  }
}
