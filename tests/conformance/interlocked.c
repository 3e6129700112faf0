// SPDX-License-Identifier: Apache-2.0
/* Interlocked operations (W32-ILOCK-*) and lists (W32-SLIST-*). */
#include "tests/conformance/fixture.h"

#define FAMILY(suffix, type)                                                                       \
    do {                                                                                           \
        type x = 5;                                                                                \
        CHECK_EQ(InterlockedIncrement##suffix(&x), 6);                                             \
        CHECK_EQ(InterlockedDecrement##suffix(&x), 5);                                             \
        CHECK_EQ(InterlockedExchange##suffix(&x, 9), 5);                                           \
        CHECK_EQ(InterlockedCompareExchange##suffix(&x, 1, 2), 9);                                 \
        CHECK_EQ(x, 9);                                                                            \
        CHECK_EQ(InterlockedCompareExchange##suffix(&x, 12, 9), 9);                                \
        CHECK_EQ(x, 12);                                                                           \
        CHECK_EQ(InterlockedAnd##suffix(&x, 10), 12);                                              \
        CHECK_EQ(InterlockedOr##suffix(&x, 3), 8);                                                 \
        CHECK_EQ(InterlockedXor##suffix(&x, 15), 11);                                              \
        CHECK_EQ(x, 4);                                                                            \
    } while (0)

TEST("W32-ILOCK-1", "32 bits: what each operation returns and leaves") {
    LONG v = 5;
    FAMILY(, LONG);
    CHECK_EQ(InterlockedExchangeAdd(&v, 3), 5);
    CHECK_EQ(InterlockedAdd(&v, 2), 10);
}

TEST("W32-ILOCK-1", "64 bits: what each operation returns and leaves") {
    LONG64 v = 5;
    FAMILY(64, LONG64);
    CHECK_EQ(InterlockedExchangeAdd64(&v, (LONG64)1 << 40), 5);
    CHECK_EQ(InterlockedAdd64(&v, 2), ((LONG64)1 << 40) + 7);
}

/* mingw-w64 declares some of these without defining them. */
#ifndef __MINGW32__
TEST("W32-ILOCK-2", "16 bits") {
    SHORT v[3] = {7, 5, 7};
    CHECK_EQ(InterlockedIncrement16(&v[1]), 6);
    CHECK_EQ(InterlockedDecrement16(&v[1]), 5);
    CHECK_EQ(InterlockedCompareExchange16(&v[1], 12, 5), 5);
    CHECK_EQ(InterlockedAnd16(&v[1], 10), 12);
    CHECK_EQ(InterlockedOr16(&v[1], 3), 8);
    CHECK_EQ(InterlockedXor16(&v[1], 15), 11);
    CHECK_EQ(v[1], 4);
    v[1] = 0x7fff;
    CHECK(InterlockedIncrement16(&v[1]) == -0x8000);
    CHECK(v[0] == 7 && v[2] == 7);
}

TEST("W32-ILOCK-2", "8 bits touch no neighbour") {
    char v[3] = {7, 12, 7};
    CHECK_EQ(InterlockedAnd8(&v[1], 10), 12);
    CHECK_EQ(InterlockedOr8(&v[1], 3), 8);
    CHECK_EQ(InterlockedXor8(&v[1], 15), 11);
    CHECK_EQ(v[1], 4);
    CHECK(v[0] == 7 && v[2] == 7);
}

#endif

TEST("W32-ILOCK-3", "pointers") {
    int a, b;
    PVOID v = &a;
    CHECK(InterlockedExchangePointer(&v, &b) == &a);
    CHECK(InterlockedCompareExchangePointer(&v, &a, &a) == &b);
    CHECK(v == &b);
    CHECK(InterlockedCompareExchangePointer(&v, &a, &b) == &b);
    CHECK(v == &a);
}

TEST("W32-ILOCK-4", "one bit at a time") {
    LONG v = 4;
    LONG64 wide = 0;
    CHECK(!InterlockedBitTestAndSet(&v, 0));
    CHECK(InterlockedBitTestAndSet(&v, 2));
    CHECK_EQ(v, 5);
    CHECK(InterlockedBitTestAndReset(&v, 2));
    CHECK(!InterlockedBitTestAndReset(&v, 2));
    CHECK_EQ(v, 1);
    CHECK(!InterlockedBitTestAndSet(&v, 31));
    CHECK(v < 0);
    CHECK(InterlockedBitTestAndComplement(&v, 31));
    CHECK_EQ(v, 1);
    CHECK(!InterlockedBitTestAndSet64(&wide, 40));
    CHECK_EQ(wide, (LONG64)1 << 40);
    CHECK(InterlockedBitTestAndReset64(&wide, 40));
    CHECK_EQ(wide, 0);
}

#if defined(__x86_64__) && !defined(__MINGW32__)
TEST("W32-ILOCK-5", "16 bytes are exchanged at once") {
    DECLSPEC_ALIGN(16) LONG64 v[2] = {1, 2};
    LONG64 seen[2] = {1, 3};
    CHECK_EQ(InterlockedCompareExchange128(v, 20, 10, seen), 0);
    CHECK(seen[0] == 1 && seen[1] == 2);
    CHECK(v[0] == 1 && v[1] == 2);
    CHECK_EQ(InterlockedCompareExchange128(v, 20, 10, seen), 1);
    CHECK(v[0] == 10 && v[1] == 20);
}
#endif

TEST("W32-ILOCK-6", "the forms with weaker orders do the same") {
    LONG v = 5;
    CHECK_EQ(InterlockedIncrementAcquire(&v), 6);
    CHECK_EQ(InterlockedDecrementRelease(&v), 5);
    CHECK_EQ(InterlockedCompareExchangeAcquire(&v, 7, 5), 5);
    CHECK_EQ(InterlockedCompareExchangeRelease(&v, 8, 7), 7);
#ifdef InterlockedExchangeNoFence
    LONG64 wide = 5;
    CHECK_EQ(InterlockedExchangeNoFence(&v, 1), 8);
    CHECK_EQ(InterlockedAddNoFence64(&wide, 1), 6);
    CHECK_EQ(InterlockedAnd64Acquire(&wide, 2), 6);
    CHECK_EQ(InterlockedIncrementNoFence16((SHORT*)&v), 2);
#endif
}

static void increment_often(void* argument) {
    LONG* v = argument;
    for (int i = 0; i < 20000; i++)
        InterlockedIncrement(v);
}

TEST("W32-ILOCK-7", "no increment is lost between threads") {
    LONG* v = fresh(sizeof *v);
    struct helper* a = helper_start(increment_often, v);
    struct helper* b = helper_start(increment_often, v);
    REQUIRE(helper_join(a));
    REQUIRE(helper_join(b));
    CHECK_EQ(*v, 40000);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

struct item {
    SLIST_ENTRY link;
    LONG value;
    counter taken;
};

/* calloc may align to 16 bytes, or to 8. */
static struct item* items_new(int number) {
    char* memory = fresh((size_t)number * sizeof(struct item) + 16);
    return (struct item*)(void*)(memory + (16 - (ULONG_PTR)memory % 16) % 16);
}

TEST("W32-SLIST-1", "the last pushed is the first popped") {
    SLIST_HEADER list;
    struct item* items = items_new(3);
    InitializeSListHead(&list);
    CHECK_EQ(QueryDepthSList(&list), 0);
    CHECK(InterlockedPopEntrySList(&list) == NULL);
    CHECK(InterlockedPushEntrySList(&list, &items[0].link) == NULL);
    CHECK(InterlockedPushEntrySList(&list, &items[1].link) == &items[0].link);
    CHECK(InterlockedPushEntrySList(&list, &items[2].link) == &items[1].link);
    CHECK_EQ(QueryDepthSList(&list), 3);
    for (int i = 2; i >= 0; i--)
        CHECK(InterlockedPopEntrySList(&list) == &items[i].link);
    CHECK(InterlockedPopEntrySList(&list) == NULL);
    CHECK_EQ(QueryDepthSList(&list), 0);
}

TEST("W32-SLIST-2", "a flush takes the whole list, the newest first") {
    SLIST_HEADER list;
    struct item* items = items_new(3);
    InitializeSListHead(&list);
    CHECK(InterlockedFlushSList(&list) == NULL);
    for (int i = 0; i < 3; i++)
        InterlockedPushEntrySList(&list, &items[i].link);
    PSLIST_ENTRY at = InterlockedFlushSList(&list);
    CHECK_EQ(QueryDepthSList(&list), 0);
    for (int i = 2; i >= 0; i--, at = at->Next)
        REQUIRE(at == &items[i].link);
    CHECK(at == NULL);
    CHECK(InterlockedPopEntrySList(&list) == NULL);
}

TEST("W32-SLIST-3", "header and entries are 16-byte aligned") {
    CHECK_EQ(sizeof(SLIST_HEADER), 16);
    CHECK_EQ(sizeof(SLIST_ENTRY) % 16, 0);
    CHECK_EQ(__alignof__(SLIST_HEADER), 16);
    CHECK_EQ(__alignof__(SLIST_ENTRY), 16);
}

#define ITEMS 200
#define ROUNDS 100

struct exchange {
    SLIST_HEADER list;
    struct item* items;
    counter popped;
};

static void push_and_pop(void* argument) {
    struct exchange* e = argument;
    for (int i = 0; i < ITEMS * ROUNDS; i++) {
        struct item* taken = (struct item*)(void*)InterlockedPopEntrySList(&e->list);
        if (!taken)
            continue;
        CHECK_EQ(InterlockedIncrement(&taken->taken), 1);
        taken->value++;
        InterlockedIncrement(&e->popped);
        InterlockedDecrement(&taken->taken);
        InterlockedPushEntrySList(&e->list, &taken->link);
    }
}

TEST("W32-SLIST-4", "threads that push and pop never hold the same entry") {
    char* memory = fresh(sizeof(struct exchange) + 16);
    struct exchange* e = (struct exchange*)(void*)(memory + (16 - (ULONG_PTR)memory % 16) % 16);
    struct helper* helpers[3];
    e->items = items_new(ITEMS);
    InitializeSListHead(&e->list);
    for (int i = 0; i < ITEMS; i++)
        InterlockedPushEntrySList(&e->list, &e->items[i].link);
    for (int i = 0; i < 3; i++)
        helpers[i] = helper_start(push_and_pop, e);
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    LONG total = 0, entries = 0;
    for (int i = 0; i < ITEMS; i++)
        total += e->items[i].value;
    CHECK_EQ(total, count(&e->popped));
    CHECK_EQ(QueryDepthSList(&e->list), ITEMS);
    for (PSLIST_ENTRY at = InterlockedFlushSList(&e->list); at; at = at->Next)
        entries++;
    CHECK_EQ(entries, ITEMS);
}
