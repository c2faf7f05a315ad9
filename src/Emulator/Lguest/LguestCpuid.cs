// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// What CPUID tells the guest. Family 5 keeps kernels from reading model-specific registers before they can take a fault, and
/// nothing is shown that a paravirtual guest must not touch: no SYSENTER, large pages, NX or APIC. MMX, SSE and SSE2 are offered where
/// the CPU has them.
/// </summary>
internal static class LguestCpuid
{
    // Family 5, model 4, stepping 3. (Model 9 would be taken for a Quark, which has no global pages.)
    private const uint Signature = 0x543;

    private const uint Fpu = 1, TimeStampCounter = 1 << 4, Pae = 1 << 6, CompareExchange8 = 1 << 8, ConditionalMove = 1 << 15;
    private const uint Mmx = 1 << 23, FxSave = 1 << 24, Sse = 1 << 25, Sse2 = 1 << 26;

    /// <summary>Answers one leaf.</summary>
    public static void Get(uint leaf, bool hasPae, bool hasVectors, out uint eax, out uint ebx, out uint ecx, out uint edx)
    {
        eax = ebx = ecx = edx = 0;
        switch (leaf)
        {
            case 0:
                eax = 1;
                ebx = 0x756E6547; // "GenuineIntel"
                edx = 0x49656E69;
                ecx = 0x6C65746E;
                break;
            case 1:
                eax = Signature;
                edx = Fpu | TimeStampCounter | CompareExchange8 | ConditionalMove | (hasPae ? Pae : 0)
                    | (hasVectors ? Mmx | FxSave | Sse | Sse2 : 0);
                break;
            case 0x80000000:
                eax = 0x80000000;
                break;
        }
    }
}
