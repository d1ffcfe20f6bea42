import type { Outcome, RpcProcedure, RpcProgram } from './dispatch.ts';
import { NFS_PROGRAM, NFS_V3, procedures } from './nfs3.ts';
import type { BackendProcedureName, Nfs3Program, Procedure, Reply } from './nfs3.ts';
import { nfsstat3 } from './attributes.ts';
import type { CallContext } from './rpc.ts';

type AnyRow = Procedure<unknown, unknown, unknown>;
type AnyHandler = (call: CallContext, args: unknown) => Promise<Reply<unknown, unknown>>;

/** NFSv3 over the backend's functions, ready to be dispatched. */
export function nfs3Program(program: Nfs3Program): RpcProgram {
  const names = Object.keys(procedures).filter((name): name is BackendProcedureName => name !== 'NULL');
  const rows = names.map((name): [number, RpcProcedure] => {
    // Row and function have one name, so they have one type; the compiler cannot follow that through the loop.
    const row = procedures[name] as unknown as AnyRow;
    return [row.number, rpcProcedure(name, row, program[name].bind(program) as unknown as AnyHandler)];
  });
  return { name: 'NFS', number: NFS_PROGRAM, version: NFS_V3, procedures: new Map(rows) };
}

function rpcProcedure(name: string, row: AnyRow, handle: AnyHandler): RpcProcedure {
  const { hyperTooLarge } = row;
  return {
    name,
    isIdempotent: row.isIdempotent,
    prepare(reader) {
      const args = row.args.read(reader);
      if (reader.clamped && hyperTooLarge !== 'clamp') {
        const refused = outcomeOf(row, { status: hyperTooLarge, fail: row.failBare });
        return { replyBytesAsked: 0, run: () => Promise.resolve(refused) };
      }
      return {
        replyBytesAsked: row.replyBytesAsked(args),
        run: async (context) => outcomeOf(row, await handle(context, args)),
      };
    },
  };
}

function outcomeOf(row: AnyRow, reply: Reply<unknown, unknown>): Outcome {
  return {
    status: reply.status,
    isFinal: reply.status !== 'NFS3ERR_JUKEBOX',
    encode(writer) {
      writer.u32(nfsstat3[reply.status]);
      if (reply.status === 'NFS3_OK') row.resok.write(writer, reply.ok);
      else row.resfail.write(writer, reply.fail);
    },
  };
}
