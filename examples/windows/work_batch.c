/* SPDX-License-Identifier: Apache-2.0 */
/* Counts primes with a batch of work items: one TP_WORK, submitted once for each slice. */
#include <windows.h>

#include <stdio.h>

#define LIMIT 200000
#define SLICE 1000

typedef struct BATCH {
    volatile LONG NextSlice;
    volatile LONG Primes;
    volatile LONG Calls;
} BATCH;

static BOOL IsPrime(LONG n) {
    if (n < 2)
        return FALSE;
    for (LONG divisor = 2; divisor * divisor <= n; divisor++)
        if (n % divisor == 0)
            return FALSE;
    return TRUE;
}

static VOID CALLBACK CountSlice(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work) {
    BATCH* batch = (BATCH*)Context;
    LONG first = (InterlockedIncrement(&batch->NextSlice) - 1) * SLICE;
    LONG primes = 0;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Work);

    for (LONG n = first; n < first + SLICE; n++)
        primes += IsPrime(n);
    InterlockedExchangeAdd(&batch->Primes, primes);
    InterlockedIncrement(&batch->Calls);
}

int main(void) {
    BATCH batch = {0, 0, 0};
    PTP_WORK work = CreateThreadpoolWork(CountSlice, &batch, NULL);
    if (work == NULL) {
        printf("CreateThreadpoolWork failed: %u\n", (unsigned)GetLastError());
        return 1;
    }

    for (int i = 0; i < LIMIT / SLICE; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);

    printf("%d slices, %d primes below %d\n", (int)batch.Calls, (int)batch.Primes, LIMIT);
    return 0;
}
