// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// Marks the one option whose key may be left out: <c>--device block,disk.img</c> for <c>--device block,file=disk.img</c>.
/// It is also the option that a short form such as <c>--block=disk.img</c> sets, to the whole text after the equals sign.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PositionalOptionAttribute : Attribute;
