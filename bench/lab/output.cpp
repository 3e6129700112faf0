// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/output.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

namespace rp::lab {

namespace {

// Sends everything, or answers the errno that stopped it.
int write_all(int fd, const std::string& content) {
    std::size_t sent = 0;
    while (sent < content.size()) {
        const ssize_t n = write(fd, content.data() + sent, content.size() - sent);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        sent += static_cast<std::size_t>(n);
    }
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

[[noreturn]] void fail(const std::string& path, int error) {
    std::string text = fmt::format("cannot write {}: {}", path, std::strerror(error));
    if (error == ENOSPC || error == EDQUOT) {
        text += "; the files of the last finished round are still complete";
    }
    throw output_error(text);
}

// File names and arguments need not be UTF-8; JSON must be.
std::string text_of(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace

void write_atomically(const std::string& path, const std::string& content) {
    const std::string beside = path + ".part";
    const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        fail(path, errno);
    }
    int error = write_all(fd, content);
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && rename(beside.c_str(), path.c_str()) != 0) {
        error = errno;
    }
    if (error != 0) {
        unlink(beside.c_str());
        fail(path, error);
    }
}

void claim_directory(const std::string& path, bool replace, const std::string& file) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (fs::exists(path, error) && !fs::is_directory(path, error)) {
        throw output_error(fmt::format("cannot use {}: it is not a directory", path));
    }
    if (fs::exists(fs::path(path) / file, error) && !replace) {
        throw output_error(fmt::format(
            "{} holds results already; choose another --out, or --force to replace them", path));
    }
    fs::create_directories(path, error);
    if (error) {
        throw output_error(fmt::format("cannot make {}: {}", path, error.message()));
    }
    if (access(path.c_str(), W_OK | X_OK) != 0) {
        throw output_error(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
    }
}

void write_outputs(const std::string& directory,
                   const run_results& results,
                   const std::string& environment) {
    const auto captured = nlohmann::ordered_json::parse(environment);
    const auto at = [&](const char* name) { return directory + "/" + name; };
    write_atomically(at("results.json"), text_of(results_json(results, captured)) + "\n");
    write_atomically(at("summary.csv"), summary_csv(results));
    write_atomically(at("report.html"), report_html(results, captured));
}

} // namespace rp::lab
