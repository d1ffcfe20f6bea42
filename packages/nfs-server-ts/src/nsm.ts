import { enumeration, fixed, nothing, opaque, struct, u32 } from './codec.ts';
import type { Decoded } from './codec.ts';
import type { RpcProcedure, RpcProgram } from './dispatch.ts';
import { codedProcedure, procedure, type CodedProcedure } from './procedure.ts';
import type { CallContext } from './rpc.ts';

/** The Network Status Monitor, X/Open CAE "Protocols for Interworking: XNFS", chapter 11. */
export const NSM_PROGRAM = 100024;
export const NSM_V1 = 1;
const SM_MAXSTRLEN = 1024;

const res = enumeration({ STAT_SUCC: 0, STAT_FAIL: 1 });
const name = opaque(SM_MAXSTRLEN);
const my_id = struct({ my_name: name, my_prog: u32, my_vers: u32, my_proc: u32 });
const mon_id = struct({ mon_name: name, my_id });
export const sm_stat_res = struct({ res_stat: res, state: u32 });
const sm_stat = struct({ state: u32 });
/** `state`: odd while that machine is up, and greater with every start. */
export const stat_chge = struct({ mon_name: name, state: u32 });
export type StatChge = Decoded<typeof stat_chge>;

export const nsmProcedures = {
  NULL: procedure({ number: 0, args: nothing, result: nothing }),
  STAT: procedure({ number: 1, args: struct({ mon_name: name }), result: sm_stat_res }),
  MON: procedure({ number: 2, args: struct({ mon_id, priv: fixed(16) }), result: sm_stat_res }),
  UNMON: procedure({ number: 3, args: mon_id, result: sm_stat }),
  UNMON_ALL: procedure({ number: 4, args: my_id, result: sm_stat }),
  SIMU_CRASH: procedure({ number: 5, args: nothing, result: nothing }),
  NOTIFY: procedure({ number: 6, args: stat_chge, result: nothing }),
} as const;
export type NsmProcedureName = keyof typeof nsmProcedures;
export type NsmArgsOf<Name extends NsmProcedureName> = Decoded<(typeof nsmProcedures)[Name]['args']>;
export type NsmResultOf<Name extends NsmProcedureName> = Decoded<(typeof nsmProcedures)[Name]['result']>;

/** What the status monitor of a server must be told. */
export interface StatusMonitor {
  /** This machine's own state number: odd. */
  state(): number;
  /** A client says that it has started anew. Only its address is known; the name is what it says. */
  notified(call: CallContext, change: StatChge): Promise<void>;
}

/**
 * The status monitor as a lock server needs it. It watches its own clients without being asked, so it monitors for nobody
 * else: MON and STAT fail, UNMON has nothing to undo, and SIMU_CRASH, which is for local tests, does nothing.
 */
export function nsmProgram(monitor: StatusMonitor): RpcProgram {
  const failed = (): NsmResultOf<'MON'> => ({ res_stat: 'STAT_FAIL', state: monitor.state() });
  const unchanged = (): NsmResultOf<'UNMON'> => ({ state: monitor.state() });
  const rows: RpcProcedure[] = [
    row('STAT', () => Promise.resolve(failed())),
    row('MON', () => Promise.resolve(failed())),
    row('UNMON', () => Promise.resolve(unchanged())),
    row('UNMON_ALL', () => Promise.resolve(unchanged())),
    row('SIMU_CRASH', () => Promise.resolve({})),
    row('NOTIFY', async (call, change) => {
      await monitor.notified(call, change);
      return {};
    }),
  ];
  const procedures = new Map(
    rows.map((entry) => [nsmProcedures[entry.name as NsmProcedureName].number, entry]),
  );
  return { name: 'NSM', number: NSM_PROGRAM, version: NSM_V1, procedures };
}

/** All of it may run twice: a second NOTIFY finds nothing left to release, or comes before the client locks again. */
function row<Name extends NsmProcedureName>(
  name: Name,
  handle: (call: CallContext, args: NsmArgsOf<Name>) => Promise<NsmResultOf<Name>>,
): RpcProcedure {
  const codecs = nsmProcedures[name] as unknown as CodedProcedure<NsmArgsOf<Name>, NsmResultOf<Name>>;
  return codedProcedure(codecs, { name, isIdempotent: true, handle });
}
