"""The cues of requests in Spanish, German, French, Portuguese, Chinese and Japanese, in the line format of `cues`."""

from __future__ import annotations

SPANISH = """
SEG.v : segmenta, segmente, segmentar, segmentes, segmentame, segmenten, delimita, delimite, delimitar, contornea,
    contornee, contornear, extrae, extraiga, extraer, marca, marque, marcar, dibuja, dibuje, dibujar, traza, trazar,
    delinea, delinee, delinear, resalta, resaltar, aisla, aislar, donde esta, donde estan, senala, senalar, colorea,
    perfila, perfilar, recorta, que tamano tiene, cuanto mide
SEG.n : segmentacion, mascara, mascaras, contorno, contornos, borde, bordes, delimitacion, silueta
SEG.p : segmentado, segmentada, segmentados, segmentadas
SEGIT : segmentalo, segmentala, segmentalos, segmentalas, contornealo, contorneala, delimitalo, delimitala, marcalo,
    marcala, delinealo, delineala, extraelo, extraela, delimitarlo, segmentarlo, segmentarla
CLS.v : clasifica, clasifique, clasificar, comprueba, compruebe, comprobar, diagnostica, diagnostique, evalua,
    evalue, evaluar, determina, determine, determinar, dime, dime si, digame, hay, existe, es, es este, es esta,
    verifica, verificar, descarta, tiene, de que, cual es, indica si, examina, revisa, revise, analiza
CLS.n : clasificacion, diagnostico, deteccion, evaluacion, prueba, cribado, clasificador
SOFT.v : detecta, detecte, detectar, busca, busque, buscar, identifica, identifique, identificar, encuentra,
    localiza, muestra, muestrame
RUN.v : haz, hazme, dame, quiero, necesito, realiza, genera, crea, ejecuta, obten, haga, produce
OTHER.v : mide, mida, medir, cuenta, registra, envia, borra, traduce, escribe, imprime, calcula, prescribe, estima,
    predice
IF : si, cuando, en caso de, en caso de que, solo si, solamente si, unicamente si, siempre que, siempre y cuando,
    solo cuando, en el caso de que, solo en caso de, si hay, dependiendo de
IFPOS : de ser asi, de haberlo, de haberla, si resulta positivo, si resulta positiva, si aparece,
    en caso afirmativo, en tal caso, en ese caso, si es asi, en caso positivo, si lo es, si lo hay, si la hay,
    de ser asi
IFNEG : si no aparece, si no se ve ninguna, si no se ve ninguno, de no haberlo, de no haberla,
    en caso negativo, si no es asi, si no lo es, si no hay, si no la hay, si no lo hay
UNLESS : a menos que, salvo que, salvo si, excepto si, a no ser que, salvo en caso de
ELSE : de lo contrario, si no, en otro caso, en caso contrario, sino es asi
THEN : luego, despues, entonces, tambien, ademas, primero, finalmente, por ultimo, a continuacion
REGARDLESS : en cualquier caso, de todas formas, de todos modos, independientemente
NEG : no, sin, excepto, salvo, omite, en vez de, en lugar de, ni, no hace falta, tampoco, ignora, olvida, menos,
    nunca
POSTNEG : no hace falta, no es necesario, no es necesaria, no me interesa, no me interesan, no interesa, no interesan,
    no importa, no me importa
ONLY : solo, solamente, unicamente, nada mas
BUT : pero, sino
POS : positivo, positiva, sospechoso, sospechosa, afirmativo, positivos, positivas
SEEN : detectado, detectada, presente, confirmado, confirmada, encontrado, muestra, se ve, se observa, se detecta,
    se encuentra, se confirma, detecta
NEGRES : negativo, negativa, ausente, normal, sano, sana, limpio, limpia, descartado, descartada
YES : si@x
MAL.benign : benigno, benigna, benignos, benignas
MAL.malignant : maligno, maligna, malignos, malignas, malignidad, canceroso, cancerosa
ASPECT.type : tipo, tipos, clase, que tipo, subtipo
ASPECT.grade : gravedad, grado
ASPECT.measure : cuantos, cuantas, tamano
PRON : lo, la@x, este@x, su
BOTH : ambos, ambas, los dos, las dos
ALL : todo, todo lo que tengas, todas las enfermedades, todos los modelos
NOTHING : nada
AND : y, e, asi como, junto con, tambien
OR : o, u, o bien
PREP : en, de, del, dentro de, sobre, con, desde, a, al
IMG : imagen, imagenes, foto, estudio, exploracion, fotografia
"""

GERMAN = """
SEG.v : segmentiere, segmentieren, segmentiert, segmentier, grenze, abgrenzen, umreisse, umreissen, markiere,
    markieren, zeichne, einzeichnen, konturiere, konturieren, extrahiere, extrahieren, umrande, umranden, wo ist, wo
    sind, isoliere, zeige mir wo, wo liegt, wie gross ist, wie gross sind
SEG.n : segmentierung, segmentation, maske, masken, kontur, konturen, umriss, umrisse, rand, abgrenzung,
    konturierung
SEG.p : segmentierten, segmentierte, segmentierter, maskierten, maskierte
CLS.v : klassifiziere, klassifizieren, prufe, prufen, pruf, uberprufe, uberprufen, diagnostiziere, bestimme,
    bestimmen, beurteile, beurteilen, gibt es, ist, ist dieses, ist dies, ist das, hat, untersuche, untersuchen,
    sag, sage, sagen, sag mir, sage mir, ob, liegt, stelle fest, bewerte, teste, testen, zeigt, welcher, welche, was
    fur, beurteilung
CLS.n : klassifikation, klassifizierung, diagnose, befund, erkennung, beurteilung, test, prufung, screening,
    klassifikator
SOFT.v : finde, finden, erkenne, erkennen, suche, suchen, suche nach, detektiere, identifiziere, lokalisiere, zeige,
    zeig mir, zeige mir
RUN.v : mach, mache, erstelle, erstellen, gib, gib mir, erzeuge, fuhre, brauche, benotige, mochte, berechne mir,
    liefere
OTHER.v : messe, miss, messen, zahle, zahlen, registriere, schicke, losche, ubersetze, schreibe, berechne,
    entrausche, konvertiere, verschreibe
IF : falls, wenn, sofern, sobald, im falle, im fall, nur wenn, nur falls, nur bei, bei nachweis von, im falle von,
    unter der bedingung dass, vorausgesetzt, im falle einer, im falle eines, bei, je nach
IFPOS : ist das der fall, wenn das der fall ist, falls vorhanden, wenn vorhanden, trifft das zu,
    falls ja, wenn ja, in diesem fall, falls positiv, wenn positiv, bei positivem ergebnis, bei positivem
    befund, wenn dem so ist
IFNEG : ist das nicht der fall, wenn das nicht der fall ist, falls nicht vorhanden,
    falls nein, wenn nein, wenn nicht, falls nicht, bei negativem ergebnis, bei negativem befund
UNLESS : ausser wenn, ausser falls, es sei denn, ausser bei, sofern nicht
ELSE : sonst, ansonsten, andernfalls, anderenfalls
THEN : dann, danach, anschliessend, zuerst, auch, ausserdem, zudem, schliesslich, zunachst, so, ebenfalls
REGARDLESS : in jedem fall, auf jeden fall, unabhangig davon, so oder so
NEG : nicht, ohne, kein, keine, keinen, ausser, statt, anstatt, anstelle, weder, noch, lass, uberspringe, vergiss,
    ignoriere, keiner, nie, abgesehen von
POSTNEG : nicht notig, nicht erforderlich, weglassen, in ruhe, ist nicht notig, brauche ich nicht,
    interessiert nicht, interessieren nicht, interessiert mich nicht, interessieren mich nicht, ist egal, spielt keine
    rolle, ist uninteressant, ist unwichtig
ONLY : nur, lediglich, bloss, ausschliesslich
BUT : aber, sondern, jedoch
POS : positiv, auffallig, verdachtig, positives, positive, positiven
SEEN : vorliegt, vorhanden, gefunden, nachgewiesen, erkannt, sichtbar, besteht, vorliegen, zeigt, ist, bestatigt,
    hat
NEGRES : negativ, unauffallig, gesund, normal, ausgeschlossen, abwesend, negatives
MAL.benign : gutartig, gutartige, gutartiger, benigne, gutartiges
MAL.malignant : bosartig, bosartige, bosartiger, maligne, bosartiges, malignitat
ASPECT.type : typ, art, arten, sorte, welcher typ, typs, subtyp
ASPECT.grade : schweregrad, grad, stadium
ASPECT.measure : wie viele, grosse
PRON : es, ihn, sie, ihr, ihre, ihren, diese@x, davon, dessen, deren
BOTH : beide, beides
ALL : alles, alle modelle, alle krankheiten
NOTHING : nichts
AND : und, sowie, sowie auch, plus, ausserdem
OR : oder
PREP : im, in, auf, am, an, von, vom, aus, der, des, innerhalb, mit, mittels, fur, zu
IMG : bild, bilder, aufnahme, aufnahmen, scan, foto, untersuchung
"""

FRENCH = """
SEG.v : segmente, segmentes, segmentez, segmenter, delimite, delimitez, delimiter, contoure, contourez, contourer,
    trace, tracez, tracer, extrais, extraire, extrayez, dessine, dessinez, marque, marquez, isole, isolez, isoler,
    entoure, entourez, detoure, detourez, detourer, ou est, ou se trouve, ou sont, ou se trouvent, surligne,
    quelle taille fait
SEG.n : segmentation, masque, masques, contour, contours, bord, bords, delimitation, detourage
SEG.p : segmente@x, segmentes@x, segmentee, segmentees, masques@x
CLS.v : classe, classez, classer, classifie, classifiez, classifier, verifie, verifiez, verifier, diagnostique,
    diagnostiquez, evalue, evaluez, determine, determinez, determiner, y a t il, il y a, est ce, est il, est elle,
    est, dis moi, dites moi, dis moi si, teste, testez, recherche, recherchez, examine, examinez, analyse, montre t
    elle, montre t il, s agit il, presente
CLS.n : classification, diagnostic, detection, evaluation, depistage, classificateur, analyse
SOFT.v : detecte, detectez, detecter, trouve, trouvez, cherche, cherchez, chercher, identifie, identifiez,
    identifier, repere, localise, localisez, montre, montre moi, montrez moi
RUN.v : fais, faites, donne, donne moi, donnez, veux, voudrais, besoin, lance, lancez, effectue, effectuez, cree,
    genere, produis, faire
OTHER.v : mesure, mesurez, mesurer, compte, comptez, envoie, efface, traduis, ecris, imprime, calcule, calculez,
    estime, recale, convertis
IF : si, quand, lorsque, en cas de, au cas ou, seulement si, uniquement si, a condition que, des que, dans le cas
    ou, uniquement en cas de, seulement en cas de, pourvu que, s il y a, s il, s il s agit, selon
IFPOS : s il y en a, s il y en a un, s il y en a une, en cas positif, auquel cas, si elle est positive,
    si oui, dans ce cas, si c est le cas, si positif, si positive, le cas echeant, en cas de resultat positif,
    si tel est le cas
IFNEG : s il n y en a pas, en cas negatif, si elle est negative,
    si non, si ce n est pas le cas, dans le cas contraire, en cas de resultat negatif, si negatif, si negative
UNLESS : sauf si, a moins que, a moins qu, sauf en cas de, excepte si, sauf s il
ELSE : sinon, autrement, dans le cas contraire
THEN : puis, ensuite, alors, aussi, egalement, d abord, enfin, apres
REGARDLESS : dans tous les cas, quoi qu il en soit, de toute facon
NEG : ne, pas, sans, pas de, sauf, excepte, au lieu de, plutot que, ni, ignore, oublie, aucun, aucune, hormis,
    inutile de, jamais, n
POSTNEG : pas necessaire, n est pas necessaire, inutile, de cote, ne m interesse pas, ne m interessent pas,
    n interesse pas, sans interet, est sans interet, peu importe, n importe pas
ONLY : seulement, uniquement, juste, rien d autre, simplement
BUT : mais
POS : positif, positive, suspect, suspecte, positifs
SEEN : presente, present, detectee, detecte, trouve, trouvee, visible, confirmee, confirme, montre, presence,
    constate
NEGRES : negatif, negative, absent, absente, normal, normale, sain, saine, exclue, absence
YES : oui
MAL.benign : benin, benigne, benins, benignes
MAL.malignant : malin, maligne, malins, malignes, malignite, cancereux, cancereuse
ASPECT.type : type, types, quel type, sorte, sous type
ASPECT.grade : gravite, stade, severite
ASPECT.measure : combien, taille
PRON : le@x, la@x, les@x, celui ci, celle ci, elle, lui, leur, son, sa, ses
BOTH : les deux, tous les deux
ALL : tout, tous les modeles, toutes les maladies
NOTHING : rien
AND : et, ainsi que, puis, avec, de meme que
OR : ou, ou bien, soit
PREP : sur, dans, de, du, des, d, a, au, aux, a partir de, en
IMG : treatment planning, for treatment planning, radiotherapy planning, image, images, photo, cliche, examen,
    photographie
"""

PORTUGUESE = """
SEG.v : segmente, segmenta, segmentar, segmentem, delimite, delimitar, contorne, contornar, contorna, delineie,
    delinear, extraia, extrair, marque, marcar, desenhe, desenhar, trace, tracar, isole, isolar, destaque, onde
    esta, onde estao, onde fica, qual o tamanho, qual e o tamanho
SEG.n : segmentacao, mascara, mascaras, contorno, contornos, borda, bordas, delimitacao
SEG.p : segmentado, segmentada, segmentados, segmentadas
SEGIT : segmenta lo, segmenta la, contorna lo, delimita lo
CLS.v : classifique, classificar, verifique, verificar, verifica, diagnostique, diagnosticar, avalie, avaliar,
    determine, determinar, ha, existe, e este, e esta, diga, diga me, diga se, me diga, cheque, teste, testar,
    rastreie, examine, analise, tem, mostra, confira, qual e, qual o, este, esta
CLS.n : classificacao, diagnostico, deteccao, avaliacao, rastreio, rastreamento, teste
SOFT.v : detecte, detectar, procure, procurar, busque, identifique, identificar, encontre, localize, localizar,
    mostre, ache
RUN.v : faca, me de, de me, quero, preciso, gere, crie, execute, realize, gostaria
OTHER.v : meca, medir, conte, registre, envie, apague, traduza, escreva, calcule, estime, converta
IF : se, caso, quando, em caso de, somente se, apenas se, so se, desde que, no caso de, contanto que, apenas em caso
    de, se houver, se for
IFPOS : caso haja, caso sim, se houver, se existir, se der positivo,
    em caso afirmativo, nesse caso, se sim, se for o caso, em caso positivo, se positivo, se positiva
IFNEG : caso nao haja, caso nao, se nao existir, se der negativo,
    em caso negativo, se nao, se nao for, se nao houver
UNLESS : a menos que, a nao ser que, exceto se, salvo se, exceto em caso de
ELSE : caso contrario, senao, do contrario
THEN : depois, em seguida, entao, tambem, alem disso, primeiro, por fim
REGARDLESS : de qualquer forma, em qualquer caso, independentemente
NEG : nao, sem, exceto, em vez de, ao inves de, nem, ignore, esqueca, pule, menos, nunca, nenhum, nenhuma
POSTNEG : nao e necessario, nao e necessaria, nao precisa, nao me interessa, nao me interessam, nao interessa, nao
    interessam, nao importa, e irrelevante
ONLY : apenas, somente, so, unicamente
BUT : mas, porem
POS : positivo, positiva, suspeito, suspeita, positivos
SEEN : detectado, detectada, presente, confirmado, confirmada, encontrado, encontrada, houver, tiver, mostrar, for,
    visivel
NEGRES : negativo, negativa, ausente, normal, saudavel, descartado, descartada
YES : sim
MAL.benign : benigno, benigna
MAL.malignant : maligno, maligna, malignidade, canceroso, cancerosa
ASPECT.type : tipo, tipos, subtipo
ASPECT.grade : gravidade, grau, estagio
ASPECT.measure : quantos, quantas, tamanho
PRON : ele, ela, eles, elas, seu, sua
BOTH : ambos, ambas, os dois, as duas
ALL : tudo, todas as doencas, todos os modelos
NOTHING : nada
AND : e, assim como, bem como, junto com
OR : ou, ou entao
PREP : em, no, na, nos, nas, do, da, dos, das, de, com, a, ao, neste, nesta, num, numa
IMG : imagem, imagens, foto, exame, fotografia
"""

EAST_ASIAN = """
SEG.v : 分割出, 分割, 勾画出, 勾画, 勾勒出, 勾勒, 描绘出, 描绘, 标出, 标注出, 标注, 标记出, 标记, 圈出, 提取出,
    提取, 画出, 抠出, 轮廓, 分割结果, 掩膜, 掩码, 在哪里, 在哪, セグメンテーション, セグメント, セグメント化, 抽出,
    輪郭抽出, 多大, 有多大, 輪郭, 描出, マスク, 囲んで, 囲って, トレース, どこにあります, どこですか, どこ,
    領域抽出, 塗り
CLS.v : 分类, 分類, 诊断, 診断, 检查, 检测, 筛查, 判断, 判定, 评估, 鉴别, 看看, 看一下, 查一下, 查看, 查, 是否,
    是不是, 有没有, 有无, 存在, 吗, 检测是否, 属于, 告诉我, 調べて, 調べ, 確認して, 確認, 評価, 検査, チェック,
    ありますか, あるか, ですか, でしょうか, かどうか, 見られますか, スクリーニング, 教えて, 是, 識別
SOFT.v : 寻找, 找出, 查找, 发现, 识别, 検出, 探して, 見つけて, 特定
RUN.v : 请, 帮我, 帮忙, 给我, 需要, 想要, 进行, 做, 生成, 运行, 实行, 作成, ください, お願いします, して, を実行
OTHER.v : 测量, 计数, 配准, 去噪, 翻译, 删除, 发送, 预测, 计算, 测定, 計測, 測定, 翻訳, 削除, 送信, 予測, 数えて,
    写诗, 讲故事, 打印, 位置合わせ, ノイズ除去
STORY.v : 天气, 故事, 天気, 系统提示, 密码, パスワード, 治疗方案, 剂量
IF : 如果, 假如, 假设, 若是, 若, 要是, 一旦, 当, 倘若, もし, 只有在, 只有, 仅当, 只在, 仅在
IFPOS : 有就, 如有, 若有, 若是, 阳性就, 若阳性, 阳性的话, あれば, ある場合, ある場合は, 陽性なら, 陽性の場合,
    如果是, 如果有, 是的话, 有的话, はいの場合, もしあれば, その場合
IFNEG : 没有就, 如无, 若没有, 阴性就, 若阴性, 阴性的话, なければ, ない場合, ない場合は, 陰性なら, 陰性の場合,
    如果不是, 如果没有, 没有的话, 不是的话, 若无, いいえの場合
UNLESS : 除非
CONDEND : 的话, 的情况下, 时候, なら, ならば, である場合, の場合, 場合, であれば, があれば, あれば, だったら,
    であったら, たら, のとき, のときは, ときは, 時は, 时才, 时则, 时
NEGCONDEND : なければ, ない場合, でない場合, がない場合, がなければ, でなければ, なかったら, 以外の場合, しない限り,
    ない限り
ELSE : 否则, 不然, 要不然, 反之, さもなければ, そうでなければ, それ以外, そうでない場合, 違う場合
THEN : 然后, 接着, 再, 则, 就, 先, 最后, 才, 另外, 次に, その後, まず, それから, 最後に, さらに
REGARDLESS : 无论如何, 不管结果如何, 无论结果, いずれにせよ, 結果に関わらず
NEG : 不要, 不需要, 无需, 不用, 别, 不必, 不, 没有, 没, 无, 除了, 除, 而不是, 跳过, 忽略
POSTNEG : ではなく, じゃなく, 不要です, は不要, しないで, せずに, しなくて, は必要ない, は必要ありません, なしで,
    以外, 除く, 除いて
ONLY : 只需要, 只需, 只要, 只, 仅仅, 仅, だけ, のみ
BUT : 但是, 但, 而是, しかし, ただし, でも
POS : 阳性, 陽性, 阳, 可疑, 异常
SEEN : 存在, 发现, 检出, あり, 見つかった, 認められる, 検出された
NEGRES : 阴性, 陰性, 正常, ない, なし, ありません
YES : はい, 是的
NO : いいえ, 不是
MAL.benign : 良性
MAL.malignant : 恶性, 悪性, 惡性
ASPECT.type : 类型, 种类, 什么类型, 哪种, 種類, タイプ, 類型, 分型
ASPECT.grade : 分级, 分期, 严重程度, 重症度, ステージ
ASPECT.measure : 多少, 大小, 大きさ
PRON : 它们, 它, 其, それ, それら
BOTH : 两者, 都, 両方
ALL : 所有疾病, 所有模型, 全部, 一切, すべて, 全て
NOTHING : 什么都不, 任何东西, 什么也不, 何も
AND : 和, 与, 以及, 及, 还有, 并且, 并, 同时, 也, と, および, 及び, や, それに, また
OR : 或者, 或, 还是, または, あるいは, それとも, か
PREP : 在, 中, 上, 里, 的, の, で, に, を, は, が, から, 这张, 这个, 这颗, 这幅, 这, この, 对, 把, 将
IMG : 图像, 影像, 图片, 照片, 扫描, 图, 片子, 画像, 写真, スキャン
"""
