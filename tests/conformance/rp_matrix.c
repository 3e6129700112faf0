// SPDX-License-Identifier: Apache-2.0
/* Every kind of object, in every state, with everything that can be done to it, from everywhere:
 *
 *   kind    work, simple callback, timer, wait, I/O
 *   state   idle; armed (nothing due); pending (queued behind a blocked worker); running;
 *           re-arming (running, and about to submit, set or start again)
 *   action  close, wait, cancel and wait, group close, group cancel, disassociate, pool close
 *   place   outside the pool, the object's own callback, a callback of another pool
 *
 * A combination that Windows calls misuse, or that has no function, is left out by is_possible().
 * Each of the others says how many callbacks may have run in the end. That it ends at all is what
 * the time limit checks. */
#include "tests/conformance/stream.h"

enum kind { WORK, SIMPLE, TIMER, WAIT, IO, KINDS };

enum state { IDLE, ARMED, PENDING, RUNNING, REARMING, STATES };

enum action {
    CLOSE,
    WAIT_ALL,
    CANCEL,
    GROUP_CLOSE,
    GROUP_CANCEL,
    DISASSOCIATE,
    POOL_CLOSE,
    ACTIONS
};

enum place { OUTSIDE, OWN, ANOTHER, PLACES };

static const char* const state_names[] = {"idle", "armed", "pending", "running", "re-arming"};
static const char* const place_names[] = {"outside", "own callback", "another callback"};

struct scene {
    enum kind kind;
    enum state state;
    enum action action;
    enum place place;
    struct probe* p; /* its pool has one thread; gate: opened when running callbacks may end */
    PTP_CLEANUP_GROUP group;
    TP_CALLBACK_ENVIRON env; /* of the object: pool, and group if the action needs one */
    PTP_WORK work;
    PTP_TIMER timer;
    PTP_WAIT wait;
    struct stream* stream;
    HANDLE event;   /* what the wait object watches: manual reset */
    HANDLE entered; /* set when the first callback of the object has begun */
    HANDLE over;    /* set when the action was done in the own callback */
    counter calls;
    counter returned;  /* calls that have ended */
    counter cancelled; /* calls of the cancel callback */
    int is_pool_closed;
    int is_object_closed;
};

static int needs_group(enum action action) {
    return action == GROUP_CLOSE || action == GROUP_CANCEL;
}

static void close_object(struct scene* s) {
    s->is_object_closed = 1;
    switch (s->kind) {
    case WORK:
        CloseThreadpoolWork(s->work);
        break;
    case TIMER:
        CloseThreadpoolTimer(s->timer);
        break;
    case WAIT:
        CloseThreadpoolWait(s->wait);
        break;
    case IO:
        CloseThreadpoolIo(s->stream->io);
        break;
    default:
        break;
    }
}

static void wait_for(struct scene* s, BOOL cancel) {
    switch (s->kind) {
    case WORK:
        WaitForThreadpoolWorkCallbacks(s->work, cancel);
        break;
    case TIMER:
        WaitForThreadpoolTimerCallbacks(s->timer, cancel);
        break;
    case WAIT:
        WaitForThreadpoolWaitCallbacks(s->wait, cancel);
        break;
    case IO:
        WaitForThreadpoolIoCallbacks(s->stream->io, cancel);
        break;
    default:
        break;
    }
}

static void let_data_come(struct scene* s) {
    if (s->stream)
        CHECK_EQ(write(s->stream->peer, "xxxx", 4), 4);
}

static void start_read(struct scene* s) {
    struct op* op = op_new(s->stream);
    CHECK(op_read(op, 1));
}

/* One more call is going to come at once. */
static void trigger(struct scene* s) {
    FILETIME now = {0, 0};
    switch (s->kind) {
    case WORK:
        SubmitThreadpoolWork(s->work);
        break;
    case SIMPLE:
        break;
    case TIMER:
        SetThreadpoolTimer(s->timer, &now, 0, 0);
        break;
    case WAIT:
        SetEvent(s->event);
        SetThreadpoolWait(s->wait, s->event, NULL);
        break;
    case IO:
        let_data_come(s);
        start_read(s);
        break;
    default:
        break;
    }
}

static void arm(struct scene* s) {
    FILETIME far = {0, 0xfffffff0}; /* about an hour and a half */
    switch (s->kind) {
    case TIMER:
        SetThreadpoolTimer(s->timer, &far, 0, 0);
        break;
    case WAIT:
        SetThreadpoolWait(s->wait, s->event, &far);
        break;
    case IO:
        start_read(s);
        break;
    default:
        break;
    }
}

static void act(struct scene* s, PTP_CALLBACK_INSTANCE own) {
    switch (s->action) {
    case CLOSE:
        close_object(s);
        break;
    case WAIT_ALL:
    case CANCEL:
        if (own)
            DisassociateCurrentThreadFromCallback(own); /* else it would wait for itself */
        wait_for(s, s->action == CANCEL);
        break;
    case GROUP_CLOSE:
    case GROUP_CANCEL:
        s->is_object_closed = 1;
        CloseThreadpoolCleanupGroupMembers(s->group, s->action == GROUP_CANCEL, s);
        break;
    case DISASSOCIATE:
        DisassociateCurrentThreadFromCallback(own);
        break;
    case POOL_CLOSE:
        s->is_pool_closed = 1;
        CloseThreadpool(s->p->pool);
        break;
    default:
        break;
    }
}

/* What the first callback does: what the scene asks for. */
static void first_call(struct scene* s, PTP_CALLBACK_INSTANCE instance) {
    ResetEvent(s->event); /* what brought this call */
    SetEvent(s->entered);
    if (s->place == OWN) {
        if (s->state == ARMED)
            arm(s);
        if (s->state == PENDING || s->state == REARMING)
            trigger(s);
        act(s, instance);
        SetEvent(s->over);
    }
    if (s->state == RUNNING || s->state == REARMING)
        CHECK(signaled(s->p->gate));
    if (s->state == REARMING && s->place != OWN)
        trigger(s);
}

/* The body of the object's callbacks. */
static void on_call(struct scene* s, PTP_CALLBACK_INSTANCE instance) {
    if (InterlockedIncrement(&s->calls) == 1)
        first_call(s, instance);
    InterlockedIncrement(&s->returned);
}

static VOID CALLBACK call_work(PTP_CALLBACK_INSTANCE i, PVOID context, PTP_WORK work) {
    (void)work;
    on_call(context, i);
}

static VOID CALLBACK call_simple(PTP_CALLBACK_INSTANCE i, PVOID context) {
    on_call(context, i);
}

static VOID CALLBACK call_timer(PTP_CALLBACK_INSTANCE i, PVOID context, PTP_TIMER timer) {
    (void)timer;
    on_call(context, i);
}

static VOID CALLBACK call_wait(PTP_CALLBACK_INSTANCE i,
                               PVOID context,
                               PTP_WAIT wait,
                               TP_WAIT_RESULT result) {
    (void)wait;
    (void)result;
    on_call(context, i);
}

static VOID CALLBACK call_io(PTP_CALLBACK_INSTANCE i,
                             PVOID context,
                             PVOID overlapped,
                             ULONG result,
                             ULONG_PTR bytes,
                             PTP_IO io) {
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
    on_call(context, i);
}

static VOID CALLBACK on_cancelled(PVOID context, PVOID cleanup) {
    CHECK(cleanup == context);
    InterlockedIncrement(&((struct scene*)context)->cancelled);
}

static int is_possible(const struct scene* s) {
    if (s->kind == SIMPLE) /* no handle: only its group, its pool and itself */
        return s->state != ARMED && s->state != REARMING && s->state != IDLE &&
               (s->place != OWN || s->state == RUNNING) &&
               (needs_group(s->action)
                    ? s->place != OWN
                    : s->action == POOL_CLOSE || (s->action == DISASSOCIATE && s->place == OWN));
    if (s->kind == WORK && s->state == ARMED)
        return 0;
    if (s->action == DISASSOCIATE)
        return s->place == OWN;
    if (s->place == OWN) {
        if (needs_group(s->action)) /* waits for itself (R-GRP-13) */
            return 0;
        if (s->state == IDLE) /* as RUNNING */
            return 0;
        /* The pool has one thread, and that is the one that would wait. */
        if (s->action == WAIT_ALL)
            return s->state == RUNNING || (s->state == ARMED && s->kind != IO);
        return 1;
    }
    /* The callback would use an object that was closed meanwhile. */
    return !(s->state == REARMING && s->action == CLOSE);
}

/* How many calls may have happened when everything is over. */
static void expected_calls(const struct scene* s, LONG* least, LONG* most) {
    const int is_queued_again = s->state == REARMING || (s->place == OWN && s->state == PENDING);
    *least = *most = s->state == RUNNING || s->state == REARMING || s->place == OWN ? 1 : 0;
    if (s->state == PENDING && s->place != OWN)
        *least = *most = s->action == CANCEL || s->action == GROUP_CANCEL ? 0 : 1;
    if (is_queued_again) {
        *most = 2;
        *least = s->action == CANCEL || needs_group(s->action) ? 1 : 2;
    }
    if (s->kind == IO && s->state == ARMED && s->action != CANCEL && s->action != GROUP_CANCEL)
        *least = *most += 1; /* the operation goes on, and data comes in the end */
    /* A wait that was only cancelled is still armed (R-WAIT-13). */
    if (s->kind == WAIT && s->state == ARMED &&
        (s->action == WAIT_ALL || s->action == CANCEL || s->action == POOL_CLOSE ||
         s->action == DISASSOCIATE))
        *least = *most += 1;
}

static void make_object(struct scene* s) {
    switch (s->kind) {
    case WORK:
        s->work = CreateThreadpoolWork(call_work, s, &s->env);
        break;
    case TIMER:
        s->timer = CreateThreadpoolTimer(call_timer, s, &s->env);
        break;
    case WAIT:
        s->wait = CreateThreadpoolWait(call_wait, s, &s->env);
        break;
    case IO: {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        s->stream = fresh(sizeof *s->stream);
        s->stream->p = s->p;
        s->stream->peer = ends[1];
        s->stream->handle = rp_handle_from_fd(ends[0], TRUE);
        s->stream->io = CreateThreadpoolIo(s->stream->handle, call_io, s, &s->env);
        CHECK(s->stream->io != NULL);
        break;
    }
    default:
        break;
    }
}

static void reach_state(struct scene* s) {
    const int runs = s->place == OWN || s->state == RUNNING || s->state == REARMING;
    if (s->state == PENDING && s->place != OWN) {
        CHECK(TrySubmitThreadpoolCallback(simple_gated, s->p, &s->p->env));
        CHECK(take(s->p->entered, 1));
    }
    if (s->state == ARMED && s->place != OWN)
        arm(s);
    if (runs || s->state == PENDING) {
        if (s->kind == SIMPLE)
            CHECK(TrySubmitThreadpoolCallback(call_simple, s, &s->env));
        else
            trigger(s);
    }
    if (runs)
        CHECK(signaled(s->entered));
}

static void act_elsewhere(void* scene) {
    act(scene, NULL);
}

static void* act_on_a_thread(void* scene) {
    act(scene, NULL);
    return NULL;
}

/* The action from a thread of its own, as it may have to wait for what the test does next. */
static void perform(struct scene* s) {
    if (s->place == OWN) {
        CHECK(signaled(s->over));
        if (s->action == DISASSOCIATE && s->kind != SIMPLE && s->state != ARMED &&
            s->state != PENDING && s->state != REARMING)
            wait_for(s, FALSE); /* returns although the callback still runs (R-CB-11) */
        SetEvent(s->p->gate);
        let_data_come(s);
        return;
    }
    struct helper* actor = s->place == ANOTHER ? helper_start(act_elsewhere, s) : NULL;
    pthread_t thread;
    if (!actor)
        CHECK_EQ(pthread_create(&thread, NULL, act_on_a_thread, s), 0);
    /* What it waits for happens at any time from here on. */
    if (s->action == CANCEL || s->action == GROUP_CANCEL) {
        if (s->state == PENDING || s->state == ARMED || s->state == IDLE) {
            if (actor)
                CHECK(helper_join(actor));
            else
                CHECK_EQ(pthread_join(thread, NULL), 0);
            SetEvent(s->p->gate);
            let_data_come(s);
            return;
        }
    }
    SetEvent(s->p->gate);
    let_data_come(s);
    if (actor)
        CHECK(helper_join(actor));
    else
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void clean_up(struct scene* s) {
    if (s->kind == WAIT && !s->is_object_closed)
        SetEvent(s->event);
    if (s->kind != SIMPLE && !s->is_object_closed) {
        wait_for(s, FALSE);
        close_object(s);
    }
    if (s->stream) {
        CloseHandle(s->stream->handle);
        close(s->stream->peer);
    }
    if (!s->is_pool_closed) /* everything that was queued before has run */
        CHECK(pass_sentinel(s->p));
    else
        for (int i = 0; i < WAIT_LIMIT_MS && s->kind == SIMPLE && !count(&s->returned); i++)
            Sleep(1);
    if (s->group)
        CloseThreadpoolCleanupGroup(s->group);
}

static void play(struct scene* s) {
    s->p = probe_new(0, 1);
    s->env = s->p->env;
    s->event = manual_event();
    s->entered = manual_event();
    s->over = manual_event();
    if (needs_group(s->action)) {
        s->group = CreateThreadpoolCleanupGroup();
        SetThreadpoolCallbackCleanupGroup(&s->env, s->group, on_cancelled);
    }
    make_object(s);
    reach_state(s);
    perform(s);
    clean_up(s);
    LONG least = 0, most = 0;
    expected_calls(s, &least, &most);
    if (s->is_pool_closed || s->is_object_closed) /* closing does not wait */
        for (int i = 0; i < WAIT_LIMIT_MS && count(&s->calls) < least; i++)
            Sleep(1);
    CHECK_OP(count(&s->calls), >=, least);
    CHECK_OP(count(&s->calls), <=, most);
    if (s->action == GROUP_CANCEL)
        CHECK_EQ(count(&s->cancelled), s->kind == SIMPLE && s->state == RUNNING ? 0 : 1);
    else
        CHECK_EQ(count(&s->cancelled), 0);
    if (s->is_pool_closed)
        s->p->pool = NULL;
    probe_end(s->p);
    CloseHandle(s->event);
    CloseHandle(s->entered);
    CloseHandle(s->over);
}

static void play_all(enum kind kind, enum action action) {
    int played = 0;
    for (enum state state = IDLE; state < STATES; state++)
        for (enum place place = OUTSIDE; place < PLACES; place++) {
            struct scene* s = fresh(sizeof *s);
            s->kind = kind;
            s->state = state;
            s->action = action;
            s->place = place;
            if (!is_possible(s))
                continue;
            LONG failures = count(&test_failures);
            play(s);
            played++;
            if (count(&test_failures) != failures)
                printf("  in state %s, from %s\n", state_names[state], place_names[place]);
        }
    CHECK_OP(played, >, 0);
}

#define MATRIX(id, action, text)                                                                   \
    TEST(id, "work, in every state, from everywhere: " text) {                                     \
        play_all(WORK, action);                                                                    \
    }                                                                                              \
    TEST(id, "timer, in every state, from everywhere: " text) {                                    \
        play_all(TIMER, action);                                                                   \
    }                                                                                              \
    TEST(id, "wait, in every state, from everywhere: " text) {                                     \
        play_all(WAIT, action);                                                                    \
    }                                                                                              \
    TEST(id, "I/O, in every state, from everywhere: " text) {                                      \
        play_all(IO, action);                                                                      \
    }

MATRIX("R-LIFE-3", CLOSE, "close")
MATRIX("R-LIFE-8", WAIT_ALL, "wait")
MATRIX("R-LIFE-9", CANCEL, "cancel and wait")
MATRIX("R-GRP-3", GROUP_CLOSE, "group close")
MATRIX("R-GRP-8", GROUP_CANCEL, "group cancel")
MATRIX("R-CB-11", DISASSOCIATE, "disassociate")
MATRIX("R-POOL-15", POOL_CLOSE, "pool close")

TEST("R-GRP-3", "simple callback, in every state, from everywhere: group close") {
    play_all(SIMPLE, GROUP_CLOSE);
}

TEST("R-GRP-8", "simple callback, in every state, from everywhere: group cancel") {
    play_all(SIMPLE, GROUP_CANCEL);
}

TEST("R-CB-11", "simple callback: disassociate") {
    play_all(SIMPLE, DISASSOCIATE);
}

TEST("R-POOL-15", "simple callback, in every state, from everywhere: pool close") {
    play_all(SIMPLE, POOL_CLOSE);
}
