import type { Metrics } from '../metrics.ts';
import type { Namespace } from '../namespace/namespace.ts';

/** What NFS data holds in memory, read when somebody asks for the metrics. */
export function observeMemory(metrics: Metrics, namespace: Pick<Namespace, 'memory'>): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.observed({ name, help, labels: {} }, (value) => value.set({}, read()));
  const dirty = (): ReturnType<Namespace['memory']>['dirty'] => namespace.memory().dirty;
  gauge('nfs_dirty_bytes', 'Written over NFS and not durable yet', () => dirty().bytes);
  gauge('nfs_dirty_files', 'Files with such data', () => dirty().files);
  gauge('nfs_writers_waiting', 'WRITE calls that wait for room for their data', () => dirty().waiting);
  gauge('nfs_write_waits_total', 'WRITE calls that had to wait for room', () => dirty().waits);
  const cache = (): ReturnType<Namespace['memory']>['cache'] => namespace.memory().cache;
  gauge('content_cache_bytes', 'Content in memory that was read over NFS', () => cache().bytes);
  gauge('content_cache_hits_total', 'Frames of content found in memory', () => cache().hits);
  gauge('content_cache_misses_total', 'Frames of content read from the hot tier', () => cache().misses);
}
