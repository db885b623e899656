#include "textflag.h"

// The same sums in the same order as vector.go, four numbers at a time. Multiplications and additions are separate
// instructions, as there: a fused one would round otherwise.

// func dotAVX2(x, y *float64, n int) float64
TEXT ·dotAVX2(SB), NOSPLIT, $0-32
	MOVQ   x+0(FP), SI
	MOVQ   y+8(FP), DI
	MOVQ   n+16(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

sixteen:
	CMPQ    CX, $16
	JLT     four
	VMOVUPD (SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7
	VMULPD  (DI), Y4, Y4
	VMULPD  32(DI), Y5, Y5
	VMULPD  64(DI), Y6, Y6
	VMULPD  96(DI), Y7, Y7
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $16, CX
	JMP     sixteen

four:
	CMPQ    CX, $4
	JLT     reduce
	VMOVUPD (SI), Y4
	VMULPD  (DI), Y4, Y4
	VADDPD  Y4, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX
	JMP     four

reduce:
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VHADDPD      X0, X0, X0
	VHADDPD      X1, X1, X1
	VADDSD       X1, X0, X0

one:
	TESTQ  CX, CX
	JEQ    done
	VMOVSD (SI), X4
	VMULSD (DI), X4, X4
	VADDSD X4, X0, X0
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   CX
	JMP    one

done:
	VZEROUPPER
	MOVSD X0, ret+24(FP)
	RET

// func axpyAVX2(y, x *float64, n int, a float64)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-32
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSD a+24(FP), Y0

eight:
	CMPQ    CX, $8
	JLT     tail
	VMULPD  (SI), Y0, Y1
	VMULPD  32(SI), Y0, Y2
	VADDPD  (DI), Y1, Y1
	VADDPD  32(DI), Y2, Y2
	VMOVUPD Y1, (DI)
	VMOVUPD Y2, 32(DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $8, CX
	JMP     eight

tail:
	TESTQ  CX, CX
	JEQ    end
	VMULSD (SI), X0, X1
	VADDSD (DI), X1, X1
	VMOVSD X1, (DI)
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   CX
	JMP    tail

end:
	VZEROUPPER
	RET

// func scaleAddAVX2(y, x *float64, n int, s, a float64)
TEXT ·scaleAddAVX2(SB), NOSPLIT, $0-40
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSD s+24(FP), Y0
	VBROADCASTSD a+32(FP), Y3

quad:
	CMPQ    CX, $4
	JLT     single
	VMULPD  (DI), Y0, Y1
	VMULPD  (SI), Y3, Y2
	VADDPD  Y2, Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX
	JMP     quad

single:
	TESTQ  CX, CX
	JEQ    finish
	VMULSD (DI), X0, X1
	VMULSD (SI), X3, X2
	VADDSD X2, X1, X1
	VMOVSD X1, (DI)
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   CX
	JMP    single

finish:
	VZEROUPPER
	RET
