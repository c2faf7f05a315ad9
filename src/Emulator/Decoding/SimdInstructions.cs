// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Decoding;

/// <summary>What is special about an MMX, SSE or SSE2 instruction.</summary>
[Flags]
internal enum SimdTraits : byte
{
    None = 0,

    /// <summary>The instruction exists.</summary>
    Exists = 1,

    /// <summary>A memory operand is written.</summary>
    Stores = 2,

    /// <summary>A memory operand must lie at a multiple of 16.</summary>
    Aligned = 4,

    /// <summary>The middle field of ModRM names a general register.</summary>
    GeneralReg = 8,

    /// <summary>The last field of ModRM names a general register if it names a register.</summary>
    GeneralRm = 16,

    /// <summary>MMX registers are used: the x87 unit is turned over to MMX.</summary>
    Mmx = 32,

    /// <summary>All six status flags are set.</summary>
    SetsFlags = 64,

    /// <summary>Neither vector registers nor MXCSR take part, so that CR0.TS does not matter.</summary>
    Stateless = 128,
}

/// <summary>One form of an instruction.</summary>
/// <param name="Size">Bytes of the memory operand, if there is one.</param>
/// <param name="Traits">What is special.</param>
internal readonly record struct SimdForm(byte Size, SimdTraits Traits)
{
    public bool Has(SimdTraits trait) => (Traits & trait) != 0;
}

/// <summary>
/// The MMX, SSE and SSE2 instructions (Intel SDM vol. 2): all that CPUID offers with these three, and nothing later. They are told
/// apart by the second opcode byte and the prefix, 0x66, 0xF3, 0xF2 or none; whether ModRM fits is Iced's part.
/// </summary>
internal static class SimdInstructions
{
    /// <summary>EMMS, the only one without a ModRM byte.</summary>
    public const int Emms = 0x77;

    /// <summary>MASKMOVQ and MASKMOVDQU: their memory operand is implied.</summary>
    public const int MaskedMove = 0xF7;

    private const int None = 1, Narrow = 2, Rep = 4, Repne = 8;

    private static readonly SimdForm[] Forms = Build();

    /// <summary>Finds a form; one without <see cref="SimdTraits.Exists"/> if there is none.</summary>
    /// <param name="opcode">The byte behind 0x0F.</param>
    /// <param name="prefix">0x66, 0xF3, 0xF2 or 0.</param>
    /// <param name="hasMemory">ModRM names memory.</param>
    public static SimdForm Find(int opcode, int prefix, bool hasMemory)
    {
        SimdForm form = Forms[(opcode * 4) + (prefix switch { 0x66 => 1, 0xF3 => 2, 0xF2 => 3, _ => 0 })];
        // CVTPI2PD from memory leaves the x87 unit alone.
        return opcode == 0x2A && prefix == 0x66 && hasMemory ? form with { Traits = form.Traits & ~SimdTraits.Mmx } : form;
    }

    /// <summary>The prefix that belongs to the opcode: the last of 0xF2 and 0xF3, else 0x66.</summary>
    public static int Prefix(bool narrow, int repeat) => repeat != 0 ? repeat : narrow ? 0x66 : 0;

    /// <summary>
    /// How the interpreter keeps an instruction: 0x0F, the prefix, the opcode and ModRM from the top byte down; 0 for all others. Iced does
    /// not keep the encoding.
    /// </summary>
    /// <param name="bytes">A valid instruction.</param>
    public static unsafe uint Encoding(byte* bytes)
    {
        bool narrow = false;
        int repeat = 0;
        for (; ; bytes++)
        {
            switch (*bytes)
            {
                case 0x66:
                    narrow = true;
                    break;
                case 0xF2 or 0xF3:
                    repeat = *bytes;
                    break;
                case 0x26 or 0x2E or 0x36 or 0x3E or 0x64 or 0x65 or 0x67:
                    break;
                case 0x0F:
                    int prefix = Prefix(narrow, repeat);
                    uint encoding = 0x0F000000u | ((uint)prefix << 16) | ((uint)bytes[1] << 8) | (bytes[1] == Emms ? 0u : bytes[2]);
                    return Find(encoding).Has(SimdTraits.Exists) ? encoding : 0;
                default:
                    return 0;
            }
        }
    }

    /// <summary>Finds the form of an <see cref="Encoding"/>.</summary>
    public static SimdForm Find(uint encoding) =>
        Find((int)(encoding >> 8) & 0xFF, (int)(encoding >> 16) & 0xFF, (encoding & 0xFF) < 0xC0);

    /// <summary>An immediate byte follows the operands.</summary>
    public static bool HasImmediate(int opcode) => opcode is (>= 0x70 and <= 0x73) or 0xC2 or (>= 0xC4 and <= 0xC6);

    private static SimdForm[] Build()
    {
        var forms = new SimdForm[256 * 4];
        const SimdTraits Aligned = SimdTraits.Aligned, Stores = SimdTraits.Stores, Mmx = SimdTraits.Mmx;

        // Moves.
        Set(0x10, 0x10, None | Narrow, 16);
        Set(0x11, 0x11, None | Narrow, 16, Stores);
        Set(0x12, 0x12, None | Narrow, 8);
        Set(0x13, 0x13, None | Narrow, 8, Stores);
        Set(0x16, 0x16, None | Narrow, 8);
        Set(0x17, 0x17, None | Narrow, 8, Stores);
        Set(0x28, 0x28, None | Narrow, 16, Aligned);
        Set(0x29, 0x29, None | Narrow, 16, Aligned | Stores);
        Set(0x2B, 0x2B, None | Narrow, 16, Aligned | Stores);
        foreach (int opcode in (int[])[0x10, 0x11])
        {
            Set(opcode, opcode, Rep, 4, opcode == 0x11 ? Stores : 0);
            Set(opcode, opcode, Repne, 8, opcode == 0x11 ? Stores : 0);
        }

        Set(0x6E, 0x6E, None, 4, SimdTraits.GeneralRm | Mmx);
        Set(0x6E, 0x6E, Narrow, 4, SimdTraits.GeneralRm);
        Set(0x7E, 0x7E, None, 4, SimdTraits.GeneralRm | Mmx | Stores);
        Set(0x7E, 0x7E, Narrow, 4, SimdTraits.GeneralRm | Stores);
        Set(0x7E, 0x7E, Rep, 8);
        Set(0x6F, 0x6F, None, 8, Mmx);
        Set(0x6F, 0x6F, Narrow, 16, Aligned);
        Set(0x6F, 0x6F, Rep, 16);
        Set(0x7F, 0x7F, None, 8, Mmx | Stores);
        Set(0x7F, 0x7F, Narrow, 16, Aligned | Stores);
        Set(0x7F, 0x7F, Rep, 16, Stores);
        Set(0xC3, 0xC3, None, 4, SimdTraits.GeneralReg | Stores | SimdTraits.Stateless);
        Set(0xD6, 0xD6, Narrow, 8, Stores);
        Set(0xD6, 0xD6, Rep | Repne, 0, Mmx);
        Set(0xE7, 0xE7, None, 8, Mmx | Stores);
        Set(0xE7, 0xE7, Narrow, 16, Aligned | Stores);
        Set(0x50, 0x50, None | Narrow, 0, SimdTraits.GeneralReg);
        Set(MaskedMove, MaskedMove, None, 8, Mmx);
        Set(MaskedMove, MaskedMove, Narrow, 16);

        // Arithmetic on floating-point numbers: packed and scalar, single and double.
        foreach (int opcode in (int[])[0x51, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0xC2])
        {
            Set(opcode, opcode, None | Narrow, 16, Aligned);
            Set(opcode, opcode, Rep, 4);
            Set(opcode, opcode, Repne, 8);
        }

        Set(0x52, 0x53, None, 16, Aligned);
        Set(0x52, 0x53, Rep, 4);
        Set(0x54, 0x57, None | Narrow, 16, Aligned);
        Set(0x14, 0x15, None | Narrow, 16, Aligned);
        Set(0xC6, 0xC6, None | Narrow, 16, Aligned);
        Set(0x2E, 0x2F, None, 4, SimdTraits.SetsFlags);
        Set(0x2E, 0x2F, Narrow, 8, SimdTraits.SetsFlags);

        // Conversions.
        Set(0x2A, 0x2A, None | Narrow, 8, Mmx);
        Set(0x2A, 0x2A, Rep | Repne, 4, SimdTraits.GeneralRm);
        Set(0x2C, 0x2D, None, 8, Mmx);
        Set(0x2C, 0x2D, Narrow, 16, Aligned | Mmx);
        Set(0x2C, 0x2D, Rep, 4, SimdTraits.GeneralReg);
        Set(0x2C, 0x2D, Repne, 8, SimdTraits.GeneralReg);
        Set(0x5A, 0x5A, None | Repne, 8);
        Set(0x5A, 0x5A, Narrow, 16, Aligned);
        Set(0x5A, 0x5A, Rep, 4);
        Set(0x5B, 0x5B, None | Narrow | Rep, 16, Aligned);
        Set(0xE6, 0xE6, Narrow | Repne, 16, Aligned);
        Set(0xE6, 0xE6, Rep, 8);

        // Integers: MMX, and the same on XMM registers.
        (int First, int Last)[] integers =
        [
            (0x63, 0x6B), (0x74, 0x76), (0xD1, 0xD5), (0xD8, 0xE5), (0xE8, 0xEF), (0xF1, 0xF6), (0xF8, 0xFE),
        ];
        foreach ((int first, int last) in integers)
        {
            Set(first, last, None, 8, Mmx);
            Set(first, last, Narrow, 16, Aligned);
        }

        Set(0x60, 0x62, None, 4, Mmx);
        Set(0x60, 0x62, Narrow, 16, Aligned);
        Set(0x6C, 0x6D, Narrow, 16, Aligned);
        Set(0x70, 0x70, None, 8, Mmx);
        Set(0x70, 0x70, Narrow | Rep | Repne, 16, Aligned);
        Set(0x71, 0x73, None, 0, Mmx);
        Set(0x71, 0x73, Narrow, 0);
        Set(Emms, Emms, None, 0, Mmx);
        Set(0xC4, 0xC4, None, 2, SimdTraits.GeneralRm | Mmx);
        Set(0xC4, 0xC4, Narrow, 2, SimdTraits.GeneralRm);
        Set(0xC5, 0xC5, None, 0, SimdTraits.GeneralReg | Mmx);
        Set(0xC5, 0xC5, Narrow, 0, SimdTraits.GeneralReg);
        Set(0xD7, 0xD7, None, 0, SimdTraits.GeneralReg | Mmx);
        Set(0xD7, 0xD7, Narrow, 0, SimdTraits.GeneralReg);
        return forms;

        void Set(int first, int last, int prefixes, byte size, SimdTraits traits = SimdTraits.None)
        {
            for (int opcode = first; opcode <= last; opcode++)
            {
                for (int p = 0; p < 4; p++)
                {
                    if ((prefixes & (1 << p)) != 0)
                    {
                        forms[(opcode * 4) + p] = new SimdForm(size, traits | SimdTraits.Exists);
                    }
                }
            }
        }
    }
}
