'use strict';
/*
 * libuv reads the size of its pool of threads once, when something first asks for a thread, and the loading of ES modules does. So
 * this is CommonJS, and must run before anything else.
 *
 * Files of warm devices are read and written in that pool, one call a device at a time, beside everything that the metadata store
 * reads from disk. A device that hangs keeps its thread: all devices of the widest stripe (WARM_SHARDS_MAX) may, and as many threads
 * as libuv has by itself are still left for the rest. Idle threads cost a few KiB each.
 */
process.env.UV_THREADPOOL_SIZE ??= String(32 + 4);
