import { Fault } from '../../fault.ts';
import { FILE_BYTES_MAX } from '../../limits.ts';
import { NFS_TRANSFER_BYTES_MAX } from '../../limits/nfs.ts';
import type { Rows } from './door.ts';

/** READ, WRITE and COMMIT. */
export const contentRows: Rows<'READ' | 'WRITE' | 'COMMIT'> = {
  READ: {
    subject: ({ file }) => file,
    fail: (after) => ({ file_attributes: after }),
    async run(door, call, { file, offset, count }, atSent) {
      const { ino, caller } = await door.enter(call, file);
      const wanted = Math.min(count, NFS_TRANSFER_BYTES_MAX);
      const range = { offset, length: wanted };
      const read = door.files.read(caller, ino, range).catch((failure: unknown) => {
        door.readFailed(ino, failure);
        throw failure;
      });
      const { parts, length, eof, attributes, letGo } = await read;
      atSent(letGo);
      return { file_attributes: door.fattr3(attributes), count: length, eof, data: parts };
    },
  },
  WRITE: {
    subject: ({ file }) => file,
    fail: (after) => ({ file_wcc: { before: undefined, after } }),
    async run(door, call, { file, offset, count, stable, data }) {
      const { ino, caller } = await door.enterToChange(call, file);
      if (count !== data.length)
        throw new Fault('invalid-argument', 'request', `${data.length} bytes of ${count}`);
      if (offset + count > FILE_BYTES_MAX) throw new Fault('too-large', 'request', `offset ${offset}`);
      // RFC 1813 §3.3.7: a server may write less than it was asked to.
      const taken = count > NFS_TRANSFER_BYTES_MAX ? data.subarray(0, NFS_TRANSFER_BYTES_MAX) : data;
      const isStable = stable !== 'UNSTABLE';
      const change = await door.files.write(caller, ino, { offset, data: taken, stable: isStable });
      return {
        file_wcc: door.wcc(change),
        count: taken.length,
        committed: isStable ? 'FILE_SYNC' : 'UNSTABLE',
        verf: door.writeVerifier,
      };
    },
  },
  COMMIT: {
    subject: ({ file }) => file,
    fail: (after) => ({ file_wcc: { before: undefined, after } }),
    /** Everything of the file, whatever range was asked for: RFC 1813 §3.3.21 lets a server commit more. */
    async run(door, call, { file }) {
      const { ino, caller } = await door.enterToChange(call, file);
      return { file_wcc: door.wcc(await door.files.commit(caller, ino)), verf: door.writeVerifier };
    },
  },
};
