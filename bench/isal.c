// What ISA-L makes of the work that bench/kernels.ts measures, in GB/s of data: encode, then decode of all parity lost as data.
#include <isa-l/erasure_code.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static double best(int bytes, int data, int rows, unsigned char *tables, unsigned char **sources, unsigned char **targets) {
  double least = 1e9;
  for (double end = now() + 0.5; now() < end;) {
    double start = now();
    ec_encode_data(bytes, data, rows, tables, sources, targets);
    double took = now() - start;
    if (took < least) least = took;
  }
  return (double)bytes * data / least / 1e9;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int data = atoi(arguments[1]), parity = atoi(arguments[2]), bytes = atoi(arguments[3]);
  if (data < 1 || parity < 1 || parity > data || data + parity > 32) return 2;
  unsigned char *shards[32], *found[32];
  for (int index = 0; index < data + parity; index++) {
    shards[index] = aligned_alloc(64, bytes);
    found[index] = aligned_alloc(64, bytes);
    for (int at = 0; at < bytes; at++) shards[index][at] = rand();
  }
  unsigned char matrix[32 * 32], kept[32 * 32], inverse[32 * 32], tables[32 * 32 * 32];
  gf_gen_cauchy1_matrix(matrix, data + parity, data);
  ec_init_tables(data, parity, matrix + data * data, tables);
  printf("%f\n", best(bytes, data, parity, tables, shards, shards + data));
  for (int index = 0; index < data * data; index++) kept[index] = matrix[parity * data + index];
  if (gf_invert_matrix(kept, inverse, data) != 0) return 1;
  ec_init_tables(data, parity, inverse, tables);
  printf("%f\n", best(bytes, data, parity, tables, shards + parity, found));
  return 0;
}
