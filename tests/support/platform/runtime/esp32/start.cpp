// Where the second bootloader jumps to.
extern "C" [[noreturn]] void acp_run_sketch(void);

extern "C" __attribute__((section(".iram.entry"), used)) void call_start_cpu0(void)
{
    acp_run_sketch();
}
