/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_POLICY_H
#define RINGPOOL_POLICY_H
/* A scheduling policy in a shared object, for rp_policy_load() and `ringpool --policy-lib`. Plain
 * C; <ringpool/policy.hpp> makes the table from a C++ class. docs/policies.md shows how to write
 * one.
 *
 * The object exports one function, rp_policy_table(), which returns a table that stays valid.
 *
 * A policy answers two questions: where does a runnable item go (place), and what does a core try
 * next (next). It sees the pool only through the context, and answers with a value; the engine
 * pushes, takes, steals, sleeps and wakes. All hooks are called by many threads at once.
 *
 * The contract, by whose numbers `ringpool policy check` and the watchdog of a running pool report:
 *   P1  place names a queue that exists: a core below cores(), a priority below 3, a class below
 *       16, `arrivals` for items from outside only.
 *   P2  next names a known action with an argument in its range.
 *   P3  a fruitless search ends: after at most 64 + 8 x cores() tries without an item next says
 *       spin or park, and after at most 4096 spins it says park.
 *   P4  no queue is left: before it parks, a core has tried every queue that `reads` says it takes
 *       from and that had something in it.
 *   P5  every queue that place uses is taken from: some core reads it, and none of its items waits
 *       for ever while the core runs others (low priority excepted).
 *   P6  the answers depend on nothing but the arguments, the context and `self`.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when the tables change so that old objects cannot be loaded. */
#define RP_POLICY_ABI 1u

enum rp_policy_limits {
    RP_NO_CORE = -1,
    RP_PRIORITIES = 3, /* 0 high, 1 normal, 2 low (TP_CALLBACK_PRIORITY) */
    RP_CLASSES = 16,
    RP_SCRATCH_WORDS = 4
};

/* Where items wait. */
typedef enum rp_queue_kind {
    RP_QUEUE_CORE = 0, /* index: the core. Its deque, waiting line and inbox together */
    RP_QUEUE_SHARED,   /* index: the priority. One central FIFO for each */
    RP_QUEUE_ARRIVALS, /* lanes of threads that are not workers; FIFO for each thread. What finds
                        * its lane full waits in RP_QUEUE_SHARED of its priority instead */
    RP_QUEUE_SORTED,   /* one central queue, smallest key first */
    RP_QUEUE_CLASS     /* index: the class. One central FIFO for each */
} rp_queue_kind;

typedef struct rp_queue {
    int32_t kind; /* rp_queue_kind */
    int32_t index;
} rp_queue;

/* Where in a core's queues, when the caller holds that core; from elsewhere it is the inbox. */
typedef enum rp_spot {
    RP_SPOT_LINE = 0, /* the end of the waiting line */
    RP_SPOT_NEWEST,   /* next to run: the newest end of the deque */
    RP_SPOT_SLOT      /* next to run; what was in the deque moves to the waiting line */
} rp_spot;

typedef struct rp_placement {
    rp_queue to;
    int32_t spot; /* rp_spot */
    int32_t reserved;
    int64_t key; /* sorted: smaller comes first, equal ones in order */
} rp_placement;

/* Where a runnable item comes from. */
typedef enum rp_origin {
    RP_FROM_OUTSIDE = 0, /* a thread that is not a worker of this pool */
    RP_FROM_CALLBACK,    /* a callback of this pool */
    RP_FROM_ITSELF,      /* the object has more calls pending than the one just claimed */
    RP_FROM_IO,          /* an I/O completion */
    RP_FROM_TIMER        /* a deadline that has passed */
} rp_origin;

typedef struct rp_task {
    uint64_t id;      /* the same while the item is queued; for telling items apart */
    int32_t priority; /* 0 high, 1 normal, 2 low */
    int32_t origin;   /* rp_origin */
    int32_t cls;      /* the class of its callback, below RP_CLASSES */
    int32_t reserved;
} rp_task;

/* One thing for a core to try. */
typedef enum rp_action_kind {
    RP_TAKE_NEWEST = 0, /* own deque, newest first */
    RP_TAKE_OLDEST,     /* own deque, oldest first */
    RP_TAKE_LINE,       /* own waiting line; argument: as for the inbox, or 0: one */
    RP_TAKE_INBOX,      /* own inbox; argument: how many (1 to 32), the rest goes to the deque */
    RP_TAKE_ARRIVALS,   /* a batch from the lanes; the rest goes to the deque */
    RP_TAKE_SHARED,     /* argument: priority */
    RP_TAKE_SORTED,     /* the smallest key */
    RP_TAKE_CLASS,      /* argument: class */
    RP_STEAL,           /* argument: victim core; RP_STEAL_... says how much, from_parts whence */
    RP_POLL,            /* deadlines and I/O */
    RP_SPIN,            /* argument: ns (0 to 20000) */
    RP_PARK             /* nothing to do */
} rp_action_kind;

typedef enum rp_amount {
    RP_STEAL_HALF = 0, /* half of the first of the victim's queues that has something */
    RP_STEAL_ONE,
    RP_STEAL_MOST /* half of all it has */
} rp_amount;

enum rp_parts { RP_PART_DEQUE = 1, RP_PART_LINE = 2, RP_PART_INBOX = 4, RP_PART_ALL = 7 };

typedef struct rp_action {
    int32_t kind; /* rp_action_kind */
    int32_t argument;
    int32_t amount; /* rp_amount, for RP_STEAL */
    int32_t parts;  /* sum of rp_parts, for RP_STEAL; 0 means all */
} rp_action;

/* What the core has been doing since it last ran an item. */
typedef struct rp_step {
    uint32_t tries; /* actions that found nothing since the last item or spin */
    uint32_t spins; /* spins since the last item */
    uint64_t turn;  /* items this core has run */
} rp_step;

/* What a policy sees, valid during the call it was given to. Each function takes the context. */
typedef struct rp_policy_context rp_policy_context;

typedef struct rp_policy_host {
    size_t size;                                              /* of this table, in bytes */
    int32_t (*cores)(const rp_policy_context*);               /* how many may be used now: 1 ... */
    uint32_t (*random)(const rp_policy_context*);             /* 32 random bits */
    int64_t (*now)(const rp_policy_context*);                 /* CLOCK_MONOTONIC, ns */
    size_t (*length)(const rp_policy_context*, rp_queue);     /* a hint */
    int32_t (*has_holder)(const rp_policy_context*, int32_t); /* does a worker hold the core? */
    int32_t (*near)(const rp_policy_context*, int32_t, uint32_t); /* k-th nearest other core */
    uint64_t* (*scratch)(const rp_policy_context*, int32_t);   /* RP_SCRATCH_WORDS of a held core */
    int64_t (*mean_ns)(const rp_policy_context*, int32_t);     /* of a class; 0: none has run */
    uint64_t (*seen)(const rp_policy_context*, int32_t);       /* callbacks of a class */
    int64_t (*deadline_ns)(const rp_policy_context*, int32_t); /* of a class; 0: none set */
} rp_policy_host;

struct rp_policy_context {
    const rp_policy_host* host;
};

typedef struct rp_policy {
    size_t size;      /* sizeof(rp_policy) of the header it was compiled with */
    uint32_t abi;     /* RP_POLICY_ABI */
    uint32_t flags;   /* sum of rp_policy_flags */
    const char* name; /* lower case letters, digits and '-'; not one that exists */
    const char* text; /* one sentence for `ringpool policy list` */

    /* A policy's own memory for one pool, made before its first item and dropped after its last.
     * Both may be NULL: self is then NULL. create returns NULL when out of memory. */
    void* (*create)(void);
    void (*destroy)(void* self);

    /* Mandatory. from: the core of the calling worker, or RP_NO_CORE. */
    rp_placement (*place)(void* self, const rp_policy_context*, const rp_task*, int32_t from);
    rp_action (*next)(void* self, const rp_policy_context*, int32_t core, const rp_step*);

    /* May `core` ever take from this queue? NULL: from its own, and from all that are no core's;
     * and from other cores with RP_POLICY_STEALS. */
    int32_t (*reads)(void* self, const rp_policy_context*, int32_t core, rp_queue);
    /* About every millisecond while the pool is active, by one thread. May be NULL. */
    void (*tick)(void* self, const rp_policy_context*);
    /* For a callback that asks whether to make way (rp_callback_should_yield). May be NULL. */
    int32_t (*should_yield)(void* self, const rp_policy_context*, int32_t core, int64_t ran_ns);
} rp_policy;

typedef enum rp_policy_flags {
    RP_POLICY_STEALS = 1, /* cores take from one another (RP_STEAL) */
    RP_POLICY_TIMES = 2   /* the clock is read around each item, for mean_ns and should_yield */
} rp_policy_flags;

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const rp_policy*
rp_policy_table(void);

#ifdef __cplusplus
}
#endif
#endif
