/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_INTERLOCKEDAPI_H
#define RINGPOOL_WIN32_INTERLOCKEDAPI_H
/* Interlocked operations. Windows documents each as a full memory barrier, hence seq_cst. And, Or,
 * Xor, Exchange, ExchangeAdd and CompareExchange return the old value; Increment, Decrement and Add
 * the new one. */
#include <minwindef.h>
#include <winnt.h>

// mo: seq_cst, pairs interlocked (every other Interlocked function)
#define RINGPOOL_ATOMIC_RMW(op, target, operand)                                                   \
    __atomic_##op((target), (operand), __ATOMIC_SEQ_CST)

#define RINGPOOL_INTERLOCKED_FAMILY(suffix, type)                                                  \
    FORCEINLINE type InterlockedIncrement##suffix(volatile type* Addend) {                         \
        return RINGPOOL_ATOMIC_RMW(add_fetch, Addend, 1);                                          \
    }                                                                                              \
    FORCEINLINE type InterlockedDecrement##suffix(volatile type* Addend) {                         \
        return RINGPOOL_ATOMIC_RMW(sub_fetch, Addend, 1);                                          \
    }                                                                                              \
    FORCEINLINE type InterlockedAdd##suffix(volatile type* Addend, type Value) {                   \
        return RINGPOOL_ATOMIC_RMW(add_fetch, Addend, Value);                                      \
    }                                                                                              \
    FORCEINLINE type InterlockedExchangeAdd##suffix(volatile type* Addend, type Value) {           \
        return RINGPOOL_ATOMIC_RMW(fetch_add, Addend, Value);                                      \
    }                                                                                              \
    FORCEINLINE type InterlockedExchange##suffix(volatile type* Target, type Value) {              \
        return RINGPOOL_ATOMIC_RMW(exchange_n, Target, Value);                                     \
    }                                                                                              \
    FORCEINLINE type InterlockedAnd##suffix(volatile type* Destination, type Value) {              \
        return RINGPOOL_ATOMIC_RMW(fetch_and, Destination, Value);                                 \
    }                                                                                              \
    FORCEINLINE type InterlockedOr##suffix(volatile type* Destination, type Value) {               \
        return RINGPOOL_ATOMIC_RMW(fetch_or, Destination, Value);                                  \
    }                                                                                              \
    FORCEINLINE type InterlockedXor##suffix(volatile type* Destination, type Value) {              \
        return RINGPOOL_ATOMIC_RMW(fetch_xor, Destination, Value);                                 \
    }                                                                                              \
    FORCEINLINE type InterlockedCompareExchange##suffix(                                           \
        volatile type* Destination, type ExChange, type Comperand) {                               \
        RINGPOOL_ATOMIC_CAS(Destination, &Comperand, ExChange);                                    \
        return Comperand;                                                                          \
    }

/* On failure *seen receives the value found, on success it already equals it: either way the value
 * *seen holds afterwards is what the Windows function returns. */
// mo: seq_cst, pairs interlocked (every other Interlocked function)
#define RINGPOOL_ATOMIC_CAS(target, seen, desired)                                                 \
    ((void)__atomic_compare_exchange_n(                                                            \
        (target), (seen), (desired), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#ifdef __cplusplus
extern "C" {
#endif

RINGPOOL_INTERLOCKED_FAMILY(, LONG)
RINGPOOL_INTERLOCKED_FAMILY(64, LONG64)

FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile* Target, PVOID Value) {
    return RINGPOOL_ATOMIC_RMW(exchange_n, Target, Value);
}

FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile* Destination,
                                                    PVOID ExChange,
                                                    PVOID Comperand) {
    RINGPOOL_ATOMIC_CAS(Destination, &Comperand, ExChange);
    return Comperand;
}

#ifdef __cplusplus
}

/* C++ sources for Windows also call these on unsigned counters. */
RINGPOOL_INTERLOCKED_FAMILY(, ULONG)
RINGPOOL_INTERLOCKED_FAMILY(64, ULONG64)
#endif

#endif
