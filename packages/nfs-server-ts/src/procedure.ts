import type { Codec } from './codec.ts';
import type { Outcome, RpcProcedure } from './dispatch.ts';
import type { CallContext } from './rpc.ts';

/** A procedure of a program that has no status of its own: its number, and what goes over the wire. */
export interface CodedProcedure<Args, Result> {
  readonly number: number;
  readonly args: Codec<Args>;
  readonly result: Codec<Result>;
}

/** A row of a table of procedures; it only says the types. */
export const procedure = <Args, Result>(row: CodedProcedure<Args, Result>): CodedProcedure<Args, Result> =>
  row;

export interface CodedHandling<Args, Result> {
  readonly name: string;
  readonly isIdempotent: boolean;
  readonly handle: (call: CallContext, args: Args) => Result | Promise<Result>;
  /** For the metrics; absent: SUCCESS. */
  readonly statusOf?: (result: Result) => string;
  /** How long a reply may be, where it is long; absent: it is short. */
  readonly replyBytes?: () => number;
}

/** Reads the arguments, calls the handler, writes the result. */
export const codedProcedure = <Args, Result>(
  { args: argsCodec, result: resultCodec }: Pick<CodedProcedure<Args, Result>, 'args' | 'result'>,
  {
    name,
    isIdempotent,
    handle,
    statusOf = () => 'SUCCESS',
    replyBytes = () => 0,
  }: CodedHandling<Args, Result>,
): RpcProcedure => ({
  name,
  isIdempotent,
  prepare(reader) {
    const args = argsCodec.read(reader);
    const run = async (call: CallContext): Promise<Outcome> => {
      const result = await handle(call, args);
      return {
        status: statusOf(result),
        isFinal: true,
        encode: (writer) => resultCodec.write(writer, result),
      };
    };
    return { replyBytesAsked: replyBytes(), run };
  },
});
