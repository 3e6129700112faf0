// SPDX-License-Identifier: Apache-2.0
/* TP_IO over files: what Wait and Close promise (R-IO-18 to R-IO-22, R-IO-29). */
#include "tests/conformance/disk.h"

TEST("R-IO-18", "Wait(FALSE) returns at once when nothing was started") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    for (int i = 0; i < 100; i++) {
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        WaitForThreadpoolIoCallbacks(d->io, TRUE);
    }
    disk_end(d);
}

TEST("R-IO-18", "Wait(FALSE) returns after every started operation has called back") {
    struct disk* d = disk_new(0, 2);
    REQUIRE(d->io != NULL);
    for (int round = 1; round <= 50; round++) {
        for (int i = 0; i < 10; i++)
            REQUIRE(start(op_new(d, (ULONGLONG)i * 512), FALSE, 512));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        CHECK_EQ(count(&d->p->returned), round * 10);
    }
    disk_end(d);
}

TEST("R-IO-19", "Start, then Wait(TRUE): it returns, and no callback comes") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    StartThreadpoolIo(d->io);
    WaitForThreadpoolIoCallbacks(d->io, TRUE);
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&d->p->calls), 0);
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CloseThreadpoolIo(d->io);
    d->io = NULL;
    disk_end(d);
}

TEST("R-IO-19", "Wait(TRUE) drops callbacks that have not started, and they never come") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, d->p, &d->p->env));
    REQUIRE(take(d->p->entered, 1));
    struct op* ops[10];
    for (int i = 0; i < 10; i++) {
        ops[i] = op_new(d, (ULONGLONG)i * 100);
        ops[i]->ov.hEvent = manual_event();
        REQUIRE(start(ops[i], FALSE, 100));
    }
    /* The pool's only worker is blocked: no I/O callback can have started. */
    WaitForThreadpoolIoCallbacks(d->io, TRUE);
    for (int i = 0; i < 10; i++) {
        DWORD moved = 0;
        CHECK(GetOverlappedResult(d->file, &ops[i]->ov, &moved, TRUE));
        CHECK_EQ(moved, 100);
        CHECK(pattern_matches(ops[i]->data, 100, (size_t)i * 100));
        CloseHandle(ops[i]->ov.hEvent);
    }
    SetEvent(d->p->gate);
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&d->p->calls), 1);
    disk_end(d);
}

TEST("R-IO-21", "CloseThreadpoolIo with operations outstanding: their callbacks come") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, d->p, &d->p->env));
    REQUIRE(take(d->p->entered, 1));
    struct op* ops[5];
    for (int i = 0; i < 5; i++) {
        ops[i] = op_new(d, 0);
        REQUIRE(start(ops[i], FALSE, 64));
    }
    CloseThreadpoolIo(d->io);
    d->io = NULL;
    SetEvent(d->p->gate);
    CHECK(take(d->p->done, 6));
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(count(&ops[i]->calls), 1);
        CHECK_EQ(ops[i]->result, NO_ERROR);
    }
    CHECK(pass_sentinel(d->p));
    disk_end(d);
}

TEST("R-IO-21", "both closing orders work") {
    for (int order = 0; order < 2; order++) {
        struct disk* d = disk_new(0, 1);
        REQUIRE(d->io != NULL);
        REQUIRE(start(op_new(d, 0), FALSE, 64));
        WaitForThreadpoolIoCallbacks(d->io, FALSE);
        if (order)
            CloseThreadpoolIo(d->io);
        CHECK(CloseHandle(d->file));
        if (!order)
            CloseThreadpoolIo(d->io);
        d->io = NULL;
        d->file = NULL;
        disk_end(d);
    }
}

TEST("R-LIFE-4", "an I/O callback may close its own object") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    d->close_in_callback = TRUE;
    struct op* op = op_new(d, 0);
    REQUIRE(start(op, FALSE, 64));
    CHECK(take(d->p->done, 1));
    d->io = NULL;
    CHECK(pass_sentinel(d->p));
    CHECK_EQ(count(&op->calls), 1);
    disk_end(d);
}

TEST("R-IO-29", "members-close releases an idle TP_IO") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    CloseThreadpoolIo(d->io);
    CloseHandle(d->file);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&d->p->env, group, NULL);
    d->file = open_file(d->name, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    d->io = CreateThreadpoolIo(d->file, on_io, d, &d->p->env);
    REQUIRE(d->io != NULL);
    REQUIRE(start(op_new(d, 0), FALSE, 64));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    d->io = NULL;
    CHECK_EQ(count(&d->p->returned), 1);
    CloseThreadpoolCleanupGroup(group);
    SetThreadpoolCallbackCleanupGroup(&d->p->env, NULL, NULL);
    disk_end(d);
}

TEST("R-POOL-15", "a TP_IO keeps its pool working after CloseThreadpool") {
    struct disk* d = disk_new(0, 1);
    REQUIRE(d->io != NULL);
    CloseThreadpool(d->p->pool);
    d->p->pool = NULL;
    for (int i = 0; i < 10; i++)
        REQUIRE(start(op_new(d, 0), FALSE, 64));
    WaitForThreadpoolIoCallbacks(d->io, FALSE);
    CHECK_EQ(count(&d->p->calls), 10);
    disk_end(d);
}
