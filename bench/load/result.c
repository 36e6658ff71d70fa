/* The verdict and the table. */
#include "bench/load/result.h"

#include <stdio.h>

#include "bench/common/report.h"

static uint64_t answered_in_window(const struct load_result *r)
{
    return tally_sum(r->tally->in_window);
}

double load_goodput(const struct load_result *r)
{
    const counter *in = r->tally->in_window;

    if (!(r->seconds > 0)) return 0;
    return (double)(counter_get(&in[OUTCOME_SERVED]) + counter_get(&in[OUTCOME_NOT_FOUND])) / r->seconds;
}

double load_busiest(const struct load_result *r)
{
    double most = 0;

    for (uint64_t i = 0; i < r->settings->threads && r->cpu_seconds > 0; i++) {
        const struct load_thread *t = &r->threads[i];
        uint64_t work = t->cpu_ns > t->spin_ns ? t->cpu_ns - t->spin_ns : 0;
        double share = (double)work / (r->cpu_seconds * 1e9);
        if (share > most) most = share;
    }
    return most;
}

double load_server_ns(const struct load_result *r)
{
    uint64_t answered = answered_in_window(r);

    if (!answered || !(r->cpu_seconds > 0)) return 0;
    return (double)r->server_cpu_ns / r->cpu_seconds * r->seconds / (double)answered;
}

size_t load_spoiled(const struct load_result *r, char reasons[2][120])
{
    uint64_t lag = histogram_quantile(&r->tally->lag, 0.99);
    double busiest = load_busiest(r);
    size_t count = 0;
    char text[16];

    if (r->settings->open_loop && lag > LOAD_LAG_LIMIT_NS) {
        snprintf(reasons[count++], 120, "p99 of the send lag is %s, more than 50 us",
                 report_format_ns(text, sizeof(text), lag));
    }
    if (busiest > LOAD_CPU_LIMIT) {
        snprintf(reasons[count++], 120, "a generator thread used %.0f %% of a core, more than 70 %%",
                 100 * busiest);
    }
    return count;
}

/* ---- the table ---- */

static void print_head(FILE *out, const struct load_result *r)
{
    const struct load_settings *s = r->settings;
    char text[32];

    fprintf(out, "%s, %s protocol, %llu connection%s, %llu thread%s, ", s->target.text, s->adapter->name,
            (unsigned long long)s->connections, s->connections == 1 ? "" : "s", (unsigned long long)s->threads,
            s->threads == 1 ? "" : "s");
    if (s->open_loop) {
        fprintf(out, "open loop, %s arrivals of %s/s%s", s->plan.law == ARRIVALS_POISSON ? "Poisson" : "constant",
                report_format_count(text, sizeof(text), (uint64_t)s->rate),
                s->plan.count > 1 ? " and other rates" : "");
    } else {
        fprintf(out, "closed loop, depth %llu", (unsigned long long)s->depth);
    }
    fprintf(out, "\n%s, %s %s key%s, values %s; measured %.2f s\n\n", s->mix_text,
            report_format_count(text, sizeof(text), s->keys.count), s->key_law_text, s->keys.count == 1 ? "" : "s",
            s->value_text, r->seconds);
}

static void print_classes(FILE *out, const struct load_result *r)
{
    const struct tally *t = r->tally;
    uint64_t sent = counter_get(&t->sent);
    char text[32];

    fprintf(out, "  %-22s %13s %8s\n", "requests", "count", "share");
    fprintf(out, "  %-22s %13s\n", "sent", report_format_count(text, sizeof(text), sent));
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        uint64_t n = counter_get(&t->outcomes[o]);
        fprintf(out, "    %-20s %13s %6.2f %%\n", outcome_name((enum outcome)o),
                report_format_count(text, sizeof(text), n), sent ? 100 * (double)n / (double)sent : 0);
    }
    if (counter_get(&t->unsent)) {
        fprintf(out, "  %-22s %13s  due, but the connections took no more\n", "never sent",
                report_format_count(text, sizeof(text), counter_get(&t->unsent)));
    }
    if (counter_get(&t->retried)) {
        fprintf(out, "  %-22s %13s  refusals upon which a request was sent once more\n", "tried again",
                report_format_count(text, sizeof(text), counter_get(&t->retried)));
    }
    fputc('\n', out);
}

static void print_rates(FILE *out, const struct load_result *r)
{
    const struct tally *t = r->tally;
    uint64_t refused = counter_get(&t->in_window[OUTCOME_OVERLOADED]) + counter_get(&t->in_window[OUTCOME_LATE]);
    uint64_t answered = answered_in_window(r);
    uint64_t due = counter_get(&t->sent) + counter_get(&t->unsent);
    char text[32];

    if (!(r->seconds > 0)) return;
    fprintf(out, "  offered %s/s", report_format_count(text, sizeof(text), (uint64_t)((double)due / r->seconds)));
    fprintf(out, ", goodput %s executed/s", report_format_count(text, sizeof(text), (uint64_t)load_goodput(r)));
    fprintf(out, ", refused %s/s (%.2f %% of the answers)\n\n",
            report_format_count(text, sizeof(text), (uint64_t)((double)refused / r->seconds)),
            answered ? 100 * (double)refused / (double)answered : 0);
}

static void print_cpu(FILE *out, const struct load_result *r)
{
    double window = r->cpu_seconds * 1e9;

    fprintf(out, "  generator: busiest thread %.0f %% of a core, deliberate spinning left out\n",
            100 * load_busiest(r));
    if (!r->has_server || !(window > 0)) return;
    fprintf(out, "  server: %.2f cores, %.3f us of CPU per answer (", (double)r->server_cpu_ns / window,
            load_server_ns(r) / 1e3);
    const char *comma = "";
    for (size_t i = 0; i < r->server.count; i++) {
        const struct server_thread *t = &r->server.threads[i];
        if ((double)t->cpu_ns < window / 1000) continue; /* under 0.1 % of a core */
        fprintf(out, "%s%s %.2f", comma, t->name, (double)t->cpu_ns / window);
        comma = ", ";
    }
    fputs(")\n", out);
}

static void print_troubles(FILE *out, const struct load_result *r)
{
    const struct tally *t = r->tally;
    char reasons[2][120], text[32];
    size_t spoiled = load_spoiled(r, reasons);

    if (counter_get(&t->late)) {
        fprintf(out, "  %s requests left more than 50 us late\n",
                report_format_count(text, sizeof(text), counter_get(&t->late)));
    }
    if (counter_get(&t->lost)) {
        fprintf(
            out,
            "  %llu connections lost (%llu of them for nonsense), %llu made anew, %llu requests lost with them\n",
            (unsigned long long)counter_get(&t->lost), (unsigned long long)counter_get(&t->nonsense),
            (unsigned long long)counter_get(&t->reconnected), (unsigned long long)counter_get(&t->lost_requests));
    }
    if (r->first_error[0]) fprintf(out, "  first error: %s\n", r->first_error);
    for (size_t i = 0; i < spoiled; i++) {
        fprintf(out, "  SPOILED BY THE GENERATOR: %s\n", reasons[i]);
    }
    if (!tally_accounted(t)) fprintf(out, "  WRONG: the classes do not add up to what was sent\n");
}

void load_print(FILE *out, const struct load_result *r)
{
    const struct tally *t = r->tally;

    print_head(out, r);
    print_classes(out, r);
    print_rates(out, r);
    report_latency_head(out);
    report_latency_row(out, "executed", &t->accepted);
    report_latency_row(out, "refused", &t->refused);
    if (r->settings->open_loop) {
        report_latency_row(out, "send lag", &t->lag);
        if (histogram_count(&t->held)) report_latency_row(out, "held back by server", &t->held);
    }
    fputc('\n', out);
    print_cpu(out, r);
    print_troubles(out, r);
}
