import { Fault } from '../../fault.ts';
import { HOT_WRITE_ATTEMPTS_MAX } from '../../limits/tiering.ts';
import { writeDeviceBlob, type BlobRun } from './blob-bytes.ts';
import { bytesStored, type DeviceBlob } from './blob-records.ts';
import type { BlobSpace } from './blob-space.ts';
import type { Device } from './device.ts';

/**
 * Gives a run a place and writes it there. Where the device cannot write, another place is tried; the first one is kept from others
 * until it was examined. Nothing is taken when it faults. Fault('no-space', 'blob'); Fault('unavailable', 'device') when no place
 * takes it.
 */
export async function placeBlob(
  { device, space }: { readonly device: Device; readonly space: BlobSpace },
  run: BlobRun,
): Promise<DeviceBlob> {
  for (let attempt = 1; ; attempt += 1) {
    const extents = await space.allocate(bytesStored(run));
    try {
      return await writeDeviceBlob(device, extents, run);
    } catch (cause) {
      space.release(extents);
      const mayWorkElsewhere = cause instanceof Fault && cause.code === 'unavailable';
      if (!mayWorkElsewhere || attempt === HOT_WRITE_ATTEMPTS_MAX) throw cause;
    }
  }
}
