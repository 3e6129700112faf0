/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_INTERLOCKEDAPI_H
#define RINGPOOL_WIN32_INTERLOCKEDAPI_H
/* Interlocked operations. Windows documents each as a full memory barrier, hence seq_cst. And, Or,
 * Xor, Exchange, ExchangeAdd and CompareExchange return the old value; Increment, Decrement and Add
 * the new one. The forms that end in Acquire, Release and NoFence promise less and are the same
 * functions, as on every x64 Windows. */
#include <minwindef.h>
#include <winnt.h>

// mo: seq_cst, pairs interlocked (every other Interlocked function)
#define RINGPOOL_ATOMIC_RMW(op, target, operand)                                                   \
    __atomic_##op((target), (operand), __ATOMIC_SEQ_CST)

/* On failure *seen receives the value found, on success it already equals it: either way the value
 * *seen holds afterwards is what the Windows function returns. */
// mo: seq_cst, pairs interlocked (every other Interlocked function)
#define RINGPOOL_ATOMIC_CAS(target, seen, desired)                                                 \
    ((void)__atomic_compare_exchange_n(                                                            \
        (target), (seen), (desired), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#define RINGPOOL_INTERLOCKED_BITS(suffix, type)                                                    \
    FORCEINLINE type InterlockedAnd##suffix(volatile type* Destination, type Value) {              \
        return (type)RINGPOOL_ATOMIC_RMW(fetch_and, Destination, Value);                           \
    }                                                                                              \
    FORCEINLINE type InterlockedOr##suffix(volatile type* Destination, type Value) {               \
        return (type)RINGPOOL_ATOMIC_RMW(fetch_or, Destination, Value);                            \
    }                                                                                              \
    FORCEINLINE type InterlockedXor##suffix(volatile type* Destination, type Value) {              \
        return (type)RINGPOOL_ATOMIC_RMW(fetch_xor, Destination, Value);                           \
    }

#define RINGPOOL_INTERLOCKED_EXCHANGE(suffix, type)                                                \
    FORCEINLINE type InterlockedExchange##suffix(volatile type* Target, type Value) {              \
        return (type)RINGPOOL_ATOMIC_RMW(exchange_n, Target, Value);                               \
    }                                                                                              \
    FORCEINLINE type InterlockedExchangeAdd##suffix(volatile type* Addend, type Value) {           \
        return (type)RINGPOOL_ATOMIC_RMW(fetch_add, Addend, Value);                                \
    }

#define RINGPOOL_INTERLOCKED_COUNT(suffix, type)                                                   \
    FORCEINLINE type InterlockedIncrement##suffix(volatile type* Addend) {                         \
        return (type)RINGPOOL_ATOMIC_RMW(add_fetch, Addend, 1);                                    \
    }                                                                                              \
    FORCEINLINE type InterlockedDecrement##suffix(volatile type* Addend) {                         \
        return (type)RINGPOOL_ATOMIC_RMW(sub_fetch, Addend, 1);                                    \
    }                                                                                              \
    FORCEINLINE type InterlockedCompareExchange##suffix(                                           \
        volatile type* Destination, type ExChange, type Comperand) {                               \
        RINGPOOL_ATOMIC_CAS(Destination, &Comperand, ExChange);                                    \
        return Comperand;                                                                          \
    }

#define RINGPOOL_INTERLOCKED_FAMILY(suffix, type)                                                  \
    RINGPOOL_INTERLOCKED_BITS(suffix, type)                                                        \
    RINGPOOL_INTERLOCKED_EXCHANGE(suffix, type)                                                    \
    RINGPOOL_INTERLOCKED_COUNT(suffix, type)                                                       \
    FORCEINLINE type InterlockedAdd##suffix(volatile type* Addend, type Value) {                   \
        return (type)RINGPOOL_ATOMIC_RMW(add_fetch, Addend, Value);                                \
    }

/* One bit of the word that `Base` points to; returns what it was. */
#define RINGPOOL_INTERLOCKED_BIT_TESTS(suffix, type, mask)                                         \
    FORCEINLINE BOOLEAN InterlockedBitTestAndSet##suffix(volatile type* Base, type Bit) {          \
        return (RINGPOOL_ATOMIC_RMW(fetch_or, Base, (mask)) & (mask)) != 0;                        \
    }                                                                                              \
    FORCEINLINE BOOLEAN InterlockedBitTestAndReset##suffix(volatile type* Base, type Bit) {        \
        return (RINGPOOL_ATOMIC_RMW(fetch_and, Base, ~(mask)) & (mask)) != 0;                      \
    }                                                                                              \
    FORCEINLINE BOOLEAN InterlockedBitTestAndComplement##suffix(volatile type* Base, type Bit) {   \
        return (RINGPOOL_ATOMIC_RMW(fetch_xor, Base, (mask)) & (mask)) != 0;                       \
    }

#ifdef __cplusplus
extern "C" {
#endif

RINGPOOL_INTERLOCKED_FAMILY(, LONG)
RINGPOOL_INTERLOCKED_FAMILY(64, LONG64)
RINGPOOL_INTERLOCKED_BITS(8, CHAR)
RINGPOOL_INTERLOCKED_EXCHANGE(8, CHAR)
RINGPOOL_INTERLOCKED_BITS(16, SHORT)
RINGPOOL_INTERLOCKED_EXCHANGE(16, SHORT)
RINGPOOL_INTERLOCKED_COUNT(16, SHORT)
RINGPOOL_INTERLOCKED_BIT_TESTS(, LONG, (LONG)(1U << ((ULONG)Bit & 31U)))
RINGPOOL_INTERLOCKED_BIT_TESTS(64, LONG64, (LONG64)(1ULL << ((ULONG64)Bit & 63U)))

FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile* Target, PVOID Value) {
    return RINGPOOL_ATOMIC_RMW(exchange_n, Target, Value);
}

FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile* Destination,
                                                    PVOID ExChange,
                                                    PVOID Comperand) {
    RINGPOOL_ATOMIC_CAS(Destination, &Comperand, ExChange);
    return Comperand;
}

#if defined(__x86_64__)
/* 1 and the 16-byte aligned *Destination exchanged if it equalled *ComparandResult, else 0; either
 * way *ComparandResult receives what was found. */
FORCEINLINE UCHAR InterlockedCompareExchange128(volatile LONG64* Destination,
                                                LONG64 ExchangeHigh,
                                                LONG64 ExchangeLow,
                                                LONG64* ComparandResult) {
    UCHAR is_exchanged;
    __asm__ __volatile__("lock cmpxchg16b %1"
                         : "=@cce"(is_exchanged),
                           "+m"(*(volatile LONG64(*)[2])Destination),
                           "+a"(ComparandResult[0]),
                           "+d"(ComparandResult[1])
                         : "b"(ExchangeLow), "c"(ExchangeHigh)
                         : "memory");
    return is_exchanged;
}
#endif

WINBASEAPI VOID WINAPI InitializeSListHead(PSLIST_HEADER ListHead);
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedPushEntrySList(PSLIST_HEADER ListHead,
                                                         PSLIST_ENTRY ListEntry);
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedPopEntrySList(PSLIST_HEADER ListHead);
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedFlushSList(PSLIST_HEADER ListHead);
WINBASEAPI USHORT WINAPI QueryDepthSList(PSLIST_HEADER ListHead);

#ifdef __cplusplus
}

/* C++ sources for Windows also call these on unsigned counters. */
RINGPOOL_INTERLOCKED_FAMILY(, ULONG)
RINGPOOL_INTERLOCKED_FAMILY(64, ULONG64)
#endif

/* Windows puts the memory order in front of the width, but behind it in And, Or and Xor. */
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeRelease InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOrRelease InterlockedOr
#define InterlockedOrNoFence InterlockedOr
#define InterlockedXorAcquire InterlockedXor
#define InterlockedXorRelease InterlockedXor
#define InterlockedXorNoFence InterlockedXor
#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedExchangePointerRelease InterlockedExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer
#define InterlockedIncrementAcquire64 InterlockedIncrement64
#define InterlockedIncrementRelease64 InterlockedIncrement64
#define InterlockedIncrementNoFence64 InterlockedIncrement64
#define InterlockedDecrementAcquire64 InterlockedDecrement64
#define InterlockedDecrementRelease64 InterlockedDecrement64
#define InterlockedDecrementNoFence64 InterlockedDecrement64
#define InterlockedAddAcquire64 InterlockedAdd64
#define InterlockedAddRelease64 InterlockedAdd64
#define InterlockedAddNoFence64 InterlockedAdd64
#define InterlockedExchangeAddAcquire64 InterlockedExchangeAdd64
#define InterlockedExchangeAddRelease64 InterlockedExchangeAdd64
#define InterlockedExchangeAddNoFence64 InterlockedExchangeAdd64
#define InterlockedExchangeAcquire64 InterlockedExchange64
#define InterlockedExchangeRelease64 InterlockedExchange64
#define InterlockedExchangeNoFence64 InterlockedExchange64
#define InterlockedCompareExchangeAcquire64 InterlockedCompareExchange64
#define InterlockedCompareExchangeRelease64 InterlockedCompareExchange64
#define InterlockedCompareExchangeNoFence64 InterlockedCompareExchange64
#define InterlockedAnd64Acquire InterlockedAnd64
#define InterlockedAnd64Release InterlockedAnd64
#define InterlockedAnd64NoFence InterlockedAnd64
#define InterlockedOr64Acquire InterlockedOr64
#define InterlockedOr64Release InterlockedOr64
#define InterlockedOr64NoFence InterlockedOr64
#define InterlockedXor64Acquire InterlockedXor64
#define InterlockedXor64Release InterlockedXor64
#define InterlockedXor64NoFence InterlockedXor64
#define InterlockedAnd8Acquire InterlockedAnd8
#define InterlockedAnd8Release InterlockedAnd8
#define InterlockedAnd8NoFence InterlockedAnd8
#define InterlockedAnd16Acquire InterlockedAnd16
#define InterlockedAnd16Release InterlockedAnd16
#define InterlockedAnd16NoFence InterlockedAnd16
#define InterlockedOr8Acquire InterlockedOr8
#define InterlockedOr8Release InterlockedOr8
#define InterlockedOr8NoFence InterlockedOr8
#define InterlockedOr16Acquire InterlockedOr16
#define InterlockedOr16Release InterlockedOr16
#define InterlockedOr16NoFence InterlockedOr16
#define InterlockedXor8Acquire InterlockedXor8
#define InterlockedXor8Release InterlockedXor8
#define InterlockedXor8NoFence InterlockedXor8
#define InterlockedXor16Acquire InterlockedXor16
#define InterlockedXor16Release InterlockedXor16
#define InterlockedXor16NoFence InterlockedXor16
#define InterlockedIncrementAcquire16 InterlockedIncrement16
#define InterlockedIncrementRelease16 InterlockedIncrement16
#define InterlockedIncrementNoFence16 InterlockedIncrement16
#define InterlockedDecrementAcquire16 InterlockedDecrement16
#define InterlockedDecrementRelease16 InterlockedDecrement16
#define InterlockedDecrementNoFence16 InterlockedDecrement16
#define InterlockedCompareExchangeAcquire16 InterlockedCompareExchange16
#define InterlockedCompareExchangeRelease16 InterlockedCompareExchange16
#define InterlockedCompareExchangeNoFence16 InterlockedCompareExchange16

#endif
