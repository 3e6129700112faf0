/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_RINGPOOL_H
#define RINGPOOL_RINGPOOL_H
/* What ringpool offers beyond the Win32 names. Plain C11 or C++; every function is thread-safe and,
 * unless it says otherwise, reports failure as Win32 functions do: FALSE or NULL, GetLastError. */
#include <minwindef.h>
#include <winnt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the library that is running, e.g. "0.1.0". */
const char* rp_version(void);

/* ---- descriptors ----------------------------------------------------------------------------- */

/* Makes an overlapped HANDLE of a Linux descriptor (socket, pipe, FIFO, character device or regular
 * file), so that it can be bound to a TP_IO and read and written with ReadFile and WriteFile. With
 * take_ownership TRUE, CloseHandle closes fd; otherwise fd stays the caller's and must outlive the
 * handle and every operation on it.
 * NULL on failure: ERROR_INVALID_HANDLE (fd is not open), ERROR_NOT_ENOUGH_MEMORY. */
HANDLE rp_handle_from_fd(int fd, BOOL take_ownership);

/* The descriptor behind a file HANDLE; it stays owned by the handle.
 * -1 and ERROR_INVALID_HANDLE when the handle is stale or is not a file. */
int rp_fd_from_handle(HANDLE handle);

/* ---- pools ----------------------------------------------------------------------------------- */

/* Chooses the scheduling policy of a pool that has not run a callback yet: NAME, or
 * NAME:KNOB=VALUE,... ("jbsq:k=3"); `ringpool policy show NAME` lists the knobs. pool NULL: the
 * default pool of the process. FALSE with ERROR_INVALID_PARAMETER for an unknown name or setting
 * (the known ones are printed on stderr), ERROR_BUSY when the pool has already started.
 * RINGPOOL_POLICY chooses the policy of every pool for which this is not called. */
BOOL rp_pool_set_policy(PTP_POOL pool, const char* name);

/* Names of the policies, the default one first, NULL-terminated; static storage. A policy loaded
 * later is in the list of a later call. */
const char* const* rp_policy_names(void);

/* A setting of a policy, for NAME:KNOB=VALUE,... */
typedef struct rp_policy_knob {
    const char* name;
    const char* meaning;
    LONGLONG value; /* when nothing is set; units are the end of the name: _ns, _us, _ms */
    LONGLONG lowest;
    LONGLONG highest;
} rp_policy_knob;

typedef struct rp_policy_info {
    DWORD size;                  /* in: sizeof(rp_policy_info) */
    DWORD knob_count;            /* of `knobs` */
    const char* name;            /* the first of its names */
    const char* aliases;         /* its other names with spaces between them; may be "" */
    const rp_policy_knob* knobs; /* a loaded policy has none */
} rp_policy_info;

/* Describes the policy of a name or alias; strings and knobs are static storage. FALSE with
 * ERROR_INVALID_PARAMETER (NULL, or a size this version does not know), ERROR_FILE_NOT_FOUND (no
 * policy of that name), ERROR_NOT_ENOUGH_MEMORY. */
BOOL rp_policy_query(const char* name, rp_policy_info* info);

/* Loads a policy from a shared object (<ringpool/policy.h>) and returns its name, by which pools
 * can then choose it; static storage. It stays loaded. Loading the same object again is no error.
 * RINGPOOL_POLICY_LIB loads objects before the first pool is made: paths with ':' between them.
 * NULL on failure, with the cause on stderr: ERROR_MOD_NOT_FOUND (the object cannot be loaded),
 * ERROR_PROC_NOT_FOUND (it exports no rp_policy_table), ERROR_BAD_FORMAT (its table cannot be
 * used), ERROR_ALREADY_EXISTS (there is a policy of that name), ERROR_INVALID_PARAMETER (path is
 * NULL or empty). */
const char* rp_policy_load(const char* path);

/* For callbacks that can be interrupted: TRUE when the pool's policy asks the callback to make way
 * for others, which it does by submitting the rest of its work and returning. Only policies with
 * quanta (`ps`, or a loaded one) ever ask. FALSE with ERROR_INVALID_PARAMETER when the instance is
 * not the one running on this thread. */
BOOL rp_callback_should_yield(PTP_CALLBACK_INSTANCE instance);

/* Gives the callbacks that run `function` a relative deadline, in microseconds from the time they
 * become runnable, which policies that order by deadline (`edf`) keep in mind; 0 takes it back.
 * pool NULL: the default pool. The first 15 functions a pool sees are told apart, all others share
 * one deadline. FALSE with ERROR_INVALID_PARAMETER for a NULL function or more than 60 000 000. */
BOOL rp_pool_set_class_deadline(PTP_POOL pool, const void* function, ULONGLONG microseconds);

/* How long a worker above the minimum stays idle before it exits. Default 10000 ms (R-SCHED-9).
 * pool NULL: the default pool. */
BOOL rp_pool_set_idle_timeout(PTP_POOL pool, DWORD milliseconds);

typedef struct rp_pool_info {
    DWORD size;         /* in: sizeof(rp_pool_info) */
    DWORD threads;      /* worker threads that exist now */
    DWORD threads_peak; /* the most that existed at once */
    DWORD threads_minimum;
    DWORD threads_maximum;
    DWORD cores;           /* scheduling slots: how many workers run callbacks at once */
    DWORD idle;            /* parked workers */
    DWORD blocked;         /* workers inside a callback that hold no core */
    ULONGLONG callbacks;   /* callbacks finished */
    ULONGLONG steals;      /* items taken from another core's queues */
    ULONGLONG parks;       /* times a worker went to sleep */
    ULONGLONG wakes;       /* wake-ups sent to sleeping workers */
    ULONGLONG completions; /* I/O completions reaped */
    ULONGLONG rescues;     /* times a busy worker was signalled to make its completions visible */
    const char* policy;    /* static storage */
    const char* completion_source; /* "io_uring (...)" or "threads (cause)"; static storage */
} rp_pool_info;

/* Reads the counters of a pool without stopping it; figures of different fields may be a few
 * operations apart. pool NULL: the default pool. FALSE with ERROR_INVALID_PARAMETER for a NULL info
 * or a size this version does not know. */
BOOL rp_pool_query(PTP_POOL pool, rp_pool_info* info);

/* How a callback that blocks without telling the pool is noticed, so that another worker can go on
 * in its place: "perf" (by the kernel's records of switches), "schedstat" or "state" (by files of
 * /proc), "announced" (not at all: only waits of this library are noticed). The best that the
 * machine allows, found out at first use, or what RINGPOOL_DETECT names. Never fails; static
 * storage. docs/detection.md has the figures. */
const char* rp_detection_tier(void);

/* ---- controllers ----------------------------------------------------------------------------- */

/* A controller decides how many workers of a pool may be active (its tokens: rp_pool_info.cores)
 * and how many threads it keeps, inside the limits of SetThreadpoolThreadMinimum and -Maximum,
 * which hold whatever it says. docs/controllers.md describes those of this build. */

/* Chooses the controller of a pool, at any time; what the last one has learned is forgotten. pool
 * NULL: the default pool. FALSE with ERROR_INVALID_PARAMETER for an unknown name (the known ones
 * are printed on stderr), ERROR_NOT_ENOUGH_MEMORY; then nothing has changed. RINGPOOL_CONTROLLER
 * chooses the controller that pools begin with. */
BOOL rp_pool_set_controller(PTP_POOL pool, const char* name);

/* Names of the controllers in this build, the default first, NULL-terminated; static storage. */
const char* const* rp_controller_names(void);

typedef struct rp_controller_info {
    DWORD size;         /* in: sizeof(rp_controller_info) */
    DWORD tokens;       /* how many workers may be active now */
    DWORD tokens_limit; /* the most any controller can have: 64 or 8 x cpus, whichever is more */
    DWORD soft_minimum; /* threads kept; at least the hard minimum */
    DWORD soft_maximum; /* threads made; at most the hard maximum */
    DWORD cpus;         /* that the process may use */
    ULONGLONG samples;  /* times the controller was asked because of what happened in the pool */
    ULONGLONG changes;  /* entries ever written to the log */
    const char* controller; /* static storage */
} rp_controller_info;

/* What the controller has made of a pool. pool NULL: the default pool. FALSE with
 * ERROR_INVALID_PARAMETER for a NULL info or a size this version does not know. */
BOOL rp_pool_query_controller(PTP_POOL pool, rp_controller_info* info);

/* One change of the tokens or the soft limits of a pool. */
typedef struct rp_controller_entry {
    ULONGLONG sequence; /* 1 for the first of the pool; later ones follow without a gap */
    ULONGLONG time_ns;  /* CLOCK_MONOTONIC */
    DWORD tokens_before;
    DWORD tokens;
    DWORD soft_minimum_before;
    DWORD soft_minimum;
    DWORD soft_maximum_before;
    DWORD soft_maximum;
    DWORD threads;          /* that existed then */
    const char* controller; /* static storage */
    const char* reason;     /* one of docs/controllers.md; static storage */
} rp_controller_entry;

/* Copies the newest changes of a pool, oldest first. In: *count is how many entries there is room
 * for; out: how many were written. A pool keeps 256; the sequence of the first entry tells how many
 * came before it. pool NULL: the default pool. FALSE with ERROR_INVALID_PARAMETER when count is
 * NULL, or entries is NULL and *count is not 0. */
BOOL rp_controller_log(PTP_POOL pool, rp_controller_entry* entries, DWORD* count);

/* ---- sight: what a running pool does. docs/sight.md explains it with examples. ----------------
 */

typedef struct rp_pool_stats {
    DWORD size;                /* in: sizeof(rp_pool_stats) */
    DWORD cores;               /* scheduling slots there are, open or not */
    DWORD workers;             /* workers there ever were; one whose thread ended serves again */
    DWORD reserved;            /* 0 */
    ULONGLONG placed_arrivals; /* items that foreign threads put in their arrival lanes */
    ULONGLONG placed_shared;   /* items put in the queues all cores share */
    ULONGLONG placed_inboxes;  /* items put in a core by somebody who does not hold it */
    ULONGLONG placed_own;      /* items put by workers in the core they hold */
    ULONGLONG queued;          /* items waiting now */
} rp_pool_stats;

typedef struct rp_core_stats {
    DWORD size;       /* in, of the first element: sizeof(rp_core_stats) */
    DWORD core;       /* its number, from 0 */
    DWORD is_open;    /* 0: the maximum of the pool leaves no room for it */
    DWORD holder;     /* kernel thread id of the worker that holds it; 0: nobody */
    ULONGLONG items;  /* items taken and run on it */
    ULONGLONG placed; /* items its holders put in its own queues */
    ULONGLONG inbox;  /* items others put in its inbox */
    ULONGLONG queued; /* items waiting in it now */
} rp_core_stats;

typedef struct rp_worker_stats {
    DWORD size;                   /* in, of the first element: sizeof(rp_worker_stats) */
    DWORD thread;                 /* kernel thread id; 0: its thread has ended */
    DWORD core;                   /* the core it holds, or RP_CORE_NONE */
    DWORD state;                  /* RP_WORKER_... */
    ULONGLONG callbacks;          /* callbacks finished */
    ULONGLONG items_stolen;       /* items taken from other cores */
    ULONGLONG steal_hits;         /* times it took some */
    ULONGLONG steal_misses;       /* times it looked at another core and took none */
    ULONGLONG searches;           /* times it was woken to look for work */
    ULONGLONG searches_found;     /* of those that have ended: how many found some */
    ULONGLONG parks;              /* times it went to sleep */
    ULONGLONG wakes;              /* times somebody took it out of the list of sleepers */
    ULONGLONG completions;        /* I/O completions it reaped from its own ring */
    ULONGLONG switches_voluntary; /* times its thread slept in the kernel */
    ULONGLONG switches_by_force;  /* times the kernel gave its CPU to another thread */
} rp_worker_stats;

#define RP_CORE_NONE 0xFFFFFFFFU
#define RP_WORKER_ENDED 0
#define RP_WORKER_SCHEDULING 1 /* in the scheduler: looking for work, or about to run it */
#define RP_WORKER_IN_CALLBACK 2
#define RP_WORKER_PARKED 3

/* Reads the counters of a pool, its cores and its workers without stopping any of them; figures may
 * be a few operations apart; all but queued only grow. pool NULL: the default pool. cores and
 * workers may be NULL; otherwise *core_count and *worker_count hold the room in, and how many there
 * are out. Reading a worker's switches costs a file of /proc, about 15 us. FALSE with
 * ERROR_MORE_DATA when there are more than there was room for (what fits is filled in),
 * ERROR_INVALID_PARAMETER for a size this version does not know or an array without its count,
 * ERROR_NOT_SUPPORTED in a library built with -Dsight=false. */
BOOL rp_stats(PTP_POOL pool,
              rp_pool_stats* stats,
              rp_core_stats* cores,
              DWORD* core_count,
              rp_worker_stats* workers,
              DWORD* worker_count);

/* Records what all pools of the process do until rp_trace_stop, which writes it to path in the
 * Chrome trace event format (open it in ui.perfetto.dev or chrome://tracing). Each thread keeps its
 * last 65536 events, 2 MiB; RINGPOOL_TRACE_EVENTS=N changes that for rings made later. "%p" in path
 * stands for the process id. RINGPOOL_TRACE=path traces the process from its start to its end.
 * FALSE with ERROR_BUSY when a trace is being recorded already, ERROR_OPEN_FAILED when path cannot
 * be written to (the cause is printed on stderr), ERROR_INVALID_PARAMETER for a NULL or empty path,
 * ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED in a library built with -Dsight=false. */
BOOL rp_trace_start(const char* path);
/* FALSE with ERROR_NOT_READY when no trace is being recorded; otherwise recording has ended, and
 * FALSE with ERROR_OPEN_FAILED (see stderr) or ERROR_NOT_ENOUGH_MEMORY means there is no file. */
BOOL rp_trace_stop(void);

/* The flight recorder: keeps the last moments of all pools, and writes them as a trace when an item
 * waited in a queue, or a callback ran, for at least a threshold. settings is
 * "threshold=5ms,file=PATH[,keep=50ms]": a whole number with ns, us, ms or s, at most one hour;
 * keep is how much is written before what crossed the threshold began. The first file is PATH,
 * later ones PATH.2 to PATH.8; what crosses while one is being written is in none or in that one.
 * RINGPOOL_FLIGHT=settings begins it with the process.
 * FALSE with ERROR_INVALID_PARAMETER for bad settings (stderr says what is wrong), ERROR_BUSY when
 * it is on, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED in a library built with -Dsight=false. */
BOOL rp_flight_start(const char* settings);
/* Waits for a file that is being written. FALSE with ERROR_NOT_READY when it was not on. */
BOOL rp_flight_stop(void);

/* Writes one page about every pool to fd: limits, queues, cores, and what each worker is at. Waits
 * for no lock, so it works when pools are stuck: what is locked is named instead.
 * Async-signal-safe; RINGPOOL_DUMP_SIGNAL=1 lets SIGUSR2 write the page to stderr. FALSE with
 * ERROR_WRITE_FAULT when fd does not take it. */
BOOL rp_dump(int fd);

/* ---- misuse ---------------------------------------------------------------------------------- */

/* Where Windows raises a structured exception (R-ERR-4), this handler is called instead with the
 * NTSTATUS Windows would raise, the function, the object and one word of detail. The default prints
 * a diagnosis on stderr and aborts. If a handler returns, the call that was misused does nothing.
 * Returns the previous handler; NULL restores the default. */
typedef void (*rp_misuse_handler)(unsigned ntstatus,
                                  const char* function,
                                  const void* object,
                                  ULONG_PTR detail);
rp_misuse_handler rp_set_misuse_handler(rp_misuse_handler handler);

/* Verifier mode, which RINGPOOL_VERIFY=1 switches on for the whole process: finds an OVERLAPPED
 * that is used again, freed or written to while its operation is in flight; a callback that returns
 * with a critical section or a mutex held; a StartThreadpoolIo without an operation; lists at exit
 * what was never closed, with the place that made it; and lets reports of misuse tell where the
 * object was made and what happened to it last. Objects made before the call are not known to it.
 * It cannot be switched off. */
void rp_verifier_enable(void);

#ifdef __cplusplus
}
#endif
#endif
