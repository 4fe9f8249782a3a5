/* As much of NVIDIA's management library as the monitor asks: two cards, the second too old to tell much. */
#include <stdio.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } rates_t;

#define NOT_SUPPORTED 3
#ifndef INIT
#define INIT 0
#endif

int nvmlInitWithFlags(unsigned int flags) { return INIT; }
const char *nvmlErrorString(int error) { return "said by the library"; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int place, void **device) { *device = (void *)(size_t)(place + 1); return 0; }
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    snprintf(name, length, "Card %d", (int)(size_t)device);
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    memory->total = 8000000000ULL; memory->free = 5000000000ULL; memory->used = 3000000000ULL;
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, rates_t *rates) {
    rates->gpu = 42; rates->memory = 7;
    return (size_t)device == 1 ? 0 : NOT_SUPPORTED;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *degrees) {
    *degrees = 61;
    return (size_t)device == 1 ? 0 : NOT_SUPPORTED;
}
