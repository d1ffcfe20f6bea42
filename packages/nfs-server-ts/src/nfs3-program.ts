import type { Outcome, RpcProcedure, RpcProgram } from './dispatch.ts';
import { NFS_PROGRAM, NFS_V3, procedures } from './nfs3.ts';
import type { BackendProcedureName, Nfs3Program, Procedure, Reply } from './nfs3.ts';
import { nfsstat3 } from './attributes.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import type { CallContext } from './rpc.ts';

type AnyRow = Procedure<unknown, unknown, unknown>;
type TransferLimit = Pick<ServerLimits, 'transferBytesMax'>;
type AnyHandler = (call: CallContext, args: unknown) => Promise<Reply<unknown, unknown>>;

/** NFSv3 over the backend's functions, ready to be dispatched. */
export function nfs3Program(program: Nfs3Program, limits: TransferLimit = defaultLimits): RpcProgram {
  const names = Object.keys(procedures).filter((name): name is BackendProcedureName => name !== 'NULL');
  const rows = names.map((name): [number, RpcProcedure] => {
    // Row and function have one name, so they have one type; the compiler cannot follow that through the loop.
    const row = procedures[name] as unknown as AnyRow;
    const handle = program[name].bind(program) as unknown as AnyHandler;
    return [row.number, rpcProcedure({ name, row, handle }, limits)];
  });
  return { name: 'NFS', number: NFS_PROGRAM, version: NFS_V3, procedures: new Map(rows) };
}

function rpcProcedure(
  { name, row, handle }: { name: string; row: AnyRow; handle: AnyHandler },
  { transferBytesMax }: TransferLimit,
): RpcProcedure {
  const { hyperTooLarge, countIn, replyBytes } = row;
  return {
    name,
    isIdempotent: row.isIdempotent,
    prepare(reader) {
      const args = row.args.read(reader);
      if (reader.clamped && hyperTooLarge !== 'clamp') {
        const refused = outcomeOf(row, { status: hyperTooLarge, fail: row.failBare });
        return { replyBytesAsked: 0, run: () => Promise.resolve(refused) };
      }
      const asked = countIn === undefined ? 0 : limitCount(args, countIn, transferBytesMax);
      return {
        replyBytesAsked: asked + replyBytes,
        run: async (context) => outcomeOf(row, await handle(context, args)),
      };
    },
  };
}

/** RFC 1813 lets a server give less than was asked for: what a backend is asked for, and so a reply, has a bound. */
function limitCount(args: unknown, countIn: string, countMax: number): number {
  const counts = args as Record<string, number>;
  const count = Math.min(counts[countIn]!, countMax);
  counts[countIn] = count;
  return count;
}

function outcomeOf(row: AnyRow, reply: Reply<unknown, unknown>): Outcome {
  return {
    status: reply.status,
    isFinal: reply.status !== 'NFS3ERR_JUKEBOX',
    whenSent: reply.status === 'NFS3_OK' ? reply.whenSent : undefined,
    encode(writer) {
      writer.u32(nfsstat3[reply.status]);
      if (reply.status === 'NFS3_OK') row.resok.write(writer, reply.ok);
      else row.resfail.write(writer, reply.fail);
    },
  };
}
