/* SPDX-License-Identifier: Apache-2.0 */
/* Producers and consumers share a bounded buffer: a slim lock and two condition variables. */
#include <windows.h>

#include <stdio.h>

#define CAPACITY 8
#define PRODUCERS 3
#define CONSUMERS 2
#define ITEMS 1000

static SRWLOCK Lock = SRWLOCK_INIT;
static CONDITION_VARIABLE NotEmpty = CONDITION_VARIABLE_INIT;
static CONDITION_VARIABLE NotFull = CONDITION_VARIABLE_INIT;
static INIT_ONCE Banner = INIT_ONCE_STATIC_INIT;

/* All of it under Lock. */
static int Buffer[CAPACITY];
static int First, Count, Peak, ActiveProducers = PRODUCERS;
static long long Consumed, Sum;

static BOOL CALLBACK PrintBanner(PINIT_ONCE Once, PVOID Parameter, PVOID* Context) {
    UNREFERENCED_PARAMETER(Once);
    UNREFERENCED_PARAMETER(Parameter);
    UNREFERENCED_PARAMETER(Context);
    printf("%d producers, %d consumers\n", PRODUCERS, CONSUMERS);
    return TRUE;
}

static VOID CALLBACK Produce(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    InitOnceExecuteOnce(&Banner, PrintBanner, NULL, NULL);
    for (int i = 1; i <= ITEMS; i++) {
        AcquireSRWLockExclusive(&Lock);
        while (Count == CAPACITY)
            SleepConditionVariableSRW(&NotFull, &Lock, INFINITE, 0);
        Buffer[(First + Count) % CAPACITY] = i;
        if (++Count > Peak)
            Peak = Count;
        ReleaseSRWLockExclusive(&Lock);
        WakeConditionVariable(&NotEmpty);
    }
    AcquireSRWLockExclusive(&Lock);
    ActiveProducers--;
    ReleaseSRWLockExclusive(&Lock);
    WakeAllConditionVariable(&NotEmpty);
}

static VOID CALLBACK Consume(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    AcquireSRWLockExclusive(&Lock);
    for (;;) {
        while (Count == 0 && ActiveProducers > 0)
            SleepConditionVariableSRW(&NotEmpty, &Lock, INFINITE, 0);
        if (Count == 0)
            break;
        Sum += Buffer[First];
        First = (First + 1) % CAPACITY;
        Count--;
        Consumed++;
        WakeConditionVariable(&NotFull);
    }
    ReleaseSRWLockExclusive(&Lock);
}

int main(void) {
    TP_CALLBACK_ENVIRON environment;
    PTP_POOL pool = CreateThreadpool(NULL);
    if (!pool || !SetThreadpoolThreadMinimum(pool, PRODUCERS + CONSUMERS))
        return 1;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    PTP_WORK produce = CreateThreadpoolWork(Produce, NULL, &environment);
    PTP_WORK consume = CreateThreadpoolWork(Consume, NULL, &environment);
    if (!produce || !consume)
        return 1;

    for (int i = 0; i < CONSUMERS; i++)
        SubmitThreadpoolWork(consume);
    for (int i = 0; i < PRODUCERS; i++)
        SubmitThreadpoolWork(produce);
    WaitForThreadpoolWorkCallbacks(produce, FALSE);
    WaitForThreadpoolWorkCallbacks(consume, FALSE);
    CloseThreadpoolWork(produce);
    CloseThreadpoolWork(consume);
    DestroyThreadpoolEnvironment(&environment);
    CloseThreadpool(pool);

    printf("%lld items, sum %lld\n", Consumed, Sum);
    printf("never more than %d in the buffer: %s\n", CAPACITY, Peak <= CAPACITY ? "yes" : "no");
    return 0;
}
